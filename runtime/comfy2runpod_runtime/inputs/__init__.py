"""Media that a caller gives: decoded or fetched, checked, and made into files that ComfyUI reads as they were meant."""
