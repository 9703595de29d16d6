"""Benchmarks and Monte-Carlo calibrations: ``python -m benchmarks.NAME``."""
