"""The parity suite: our prompt beside the real editor's, over every public template and over graphs changed in it."""
