"""What a run tells of its progress, to its terminal and to others."""
