"""BoundGraph and note -> Interface: the stage, and what it reads of fields, outputs, models and node packs."""
