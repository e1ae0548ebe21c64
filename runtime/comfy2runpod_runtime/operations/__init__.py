"""What whoever runs the worker sees of it: logs, failure reports, notices."""
