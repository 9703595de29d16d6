"""What is odd about a bin of a profile."""

from enum import IntFlag


class BinFlag(IntFlag):
    """Bits of the column ``flags`` of profile tables."""

    NOT_EXPOSED = 1
    """No exposed pixel: nothing was measured."""
    MASKED = 2
    """All exposed pixels are masked: nothing was measured."""
    PARTIAL = 4
    """Less than half of the bin's solid angle was counted."""
    EMPTY = 8
    """No counts."""
    NEGATIVE = 16
    """Less than the background: the brightness is negative."""
    EXPOSURE_APPROXIMATE = 32
    """The exposure map is an approximation."""
    NOT_CONVERGED = 64
    """The fit of this bin did not converge, or ended at a limit: its numbers are NaN."""
    TWO_TEMPERATURES = 128
    """Two temperatures are preferred to one."""
