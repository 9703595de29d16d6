"""Spectra: extraction, responses, models, statistics and fits."""
