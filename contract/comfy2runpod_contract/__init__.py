"""What compiler and worker agree on: each fact stands here once. Pure, of the standard library alone.

But for two modules that both need, and that are about the machine: `tether`, through which either starts processes, and
`scratch`, the folders that either has for the time being.
"""
