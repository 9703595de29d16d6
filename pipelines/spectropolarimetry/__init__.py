"""Joint fits of files of Stokes spectra, for commands."""
