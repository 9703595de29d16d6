"""Statistical inference that no room of science owns: posteriors, intervals, limits."""
