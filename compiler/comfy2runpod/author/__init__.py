"""Tools for workflow authors: inspecting a graph, changing its note in place, comparing interfaces."""
