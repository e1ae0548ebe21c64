"""Document -> annotation: the author's note, read and checked."""
