"""Polarization against time, energy and pulse phase: its constancy, rotations, companions."""
