"""Sizes and lengths of what flows between nodes, told without running anything: a small rule a class."""
