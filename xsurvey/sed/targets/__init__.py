"""What is about a jet, as photons for its electrons to scatter: `registry`."""
