"""Polarization: Stokes parameters of events, their limits, and tests of their behaviour."""
