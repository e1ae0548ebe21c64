"""What the prompt becomes where optional inputs are omitted."""
