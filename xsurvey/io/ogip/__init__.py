"""OGIP spectra and responses: PHA, ARF and RMF files."""
