"""What can be wrong, one class for each thing, a module for each stage that can find it."""
