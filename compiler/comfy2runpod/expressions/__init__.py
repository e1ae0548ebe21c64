"""The arithmetic between a field and an input: read, and bounded for every value that the field allows."""
