"""Series of polarization measurements at other wavelengths: their angles and rotations."""
