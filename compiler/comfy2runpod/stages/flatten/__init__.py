"""Document -> FlatGraph: the stage, and the editor's rules by which links are followed through what is no node."""
