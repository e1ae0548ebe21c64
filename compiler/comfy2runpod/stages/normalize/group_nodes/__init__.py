"""Group nodes of old files, taken apart before the graph is flattened."""
