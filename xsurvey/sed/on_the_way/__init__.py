"""What is between a source and its observer, and the galaxy around it."""
