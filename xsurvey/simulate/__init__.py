"""Forward simulation of event files."""
