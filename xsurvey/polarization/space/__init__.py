"""Polarization of places: maps, annuli and sectors, and what the most significant is worth."""
