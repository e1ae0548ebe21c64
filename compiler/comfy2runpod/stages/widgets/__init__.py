"""A node's widgets: which saved value goes to which input, whether it fits, and how the editor changes it."""
