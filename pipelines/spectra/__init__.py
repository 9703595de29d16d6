"""Spectra for commands and pipelines: read, extracted, fitted, and their stages."""
