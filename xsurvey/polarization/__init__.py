"""X-ray polarization: Stokes parameters of events, their errors, limits and tests."""
