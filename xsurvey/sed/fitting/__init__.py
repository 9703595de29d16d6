"""Fits of radiative models to spectral energy distributions."""
