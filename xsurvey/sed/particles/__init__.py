"""Particles: their distributions, and what becomes of them."""
