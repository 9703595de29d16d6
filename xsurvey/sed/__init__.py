"""Radiative models of blazars' spectral energy distributions, batched over parameters."""
