"""Runnable configurations and cluster profiles."""
