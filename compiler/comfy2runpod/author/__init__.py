"""Tools for the author: what a graph offers, its note written in place, and what changed between interfaces."""
