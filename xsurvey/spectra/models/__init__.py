"""Spectral models of XSPEC: definitions, expressions, and what evaluates them."""
