"""Fits of spectral energy distributions: what commands do with files."""
