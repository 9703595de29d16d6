"""Flux points of spectra: what was counted in bins of energy, as nu F_nu without absorption."""
