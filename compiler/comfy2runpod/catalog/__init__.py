"""What is known of node classes: the shipped catalog, layers of node packs, and facts that no server tells."""
