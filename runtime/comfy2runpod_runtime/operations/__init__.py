"""Logs, failure reports and process management."""
