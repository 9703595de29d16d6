"""Images on the sky: counts, exposure, background."""
