"""What compiler and worker agree on: each fact stands here once. Pure, of the standard library alone."""
