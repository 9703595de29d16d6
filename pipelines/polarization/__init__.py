"""Polarization from event files: what the commands do, and stages of pipelines."""
