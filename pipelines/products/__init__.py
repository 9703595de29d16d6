"""Files of single sources, maps of stacks, and where both are found from the catalog."""
