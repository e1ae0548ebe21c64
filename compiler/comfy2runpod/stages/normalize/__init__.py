"""Document -> document: what the editor does to a graph when it loads it, before anything is unfolded."""
