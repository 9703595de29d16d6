"""The pipeline ``blazar``: spectra and polarization of blazars, and models compared."""
