"""Source detection and photometry with Poisson statistics throughout."""
