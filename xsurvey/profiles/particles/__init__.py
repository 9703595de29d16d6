"""The particle background: templates, their scaling in a hard band, spectra and maps of it."""
