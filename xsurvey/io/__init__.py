"""Readers and writers: FITS and atomic files."""
