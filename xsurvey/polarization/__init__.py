"""Polarization: Stokes parameters of events and of spectra, their fits and tests."""
