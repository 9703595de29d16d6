"""Polarization by the likelihood of single events."""
