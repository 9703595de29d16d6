"""Stokes spectra: made of events, and fitted jointly."""
