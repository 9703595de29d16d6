"""Tables of spectral energy distributions."""
