"""Profiles of extended sources: surface brightness, spectra in annuli, deprojection, masses."""
