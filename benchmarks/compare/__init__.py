"""Other packages beside xsurvey, on the same inputs, side by side: ``make compare``."""
