"""Models of blazars' emission, by name: `registry`."""
