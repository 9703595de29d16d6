"""Where on the sky counts are taken: source and background regions, and points in them."""
