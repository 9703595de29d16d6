"""Processes by which particles radiate, as matrix products over fixed nodes."""
