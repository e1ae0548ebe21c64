"""The stages of a compilation, in order; the pipeline runs them."""
