"""Targets of external Compton scattering by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from xsurvey.errors import ParameterError, nearest
from xsurvey.sed.targets.base import Target
from xsurvey.sed.targets.broad_lines import DEFAULT_LINE, BroadLines
from xsurvey.sed.targets.disk import Disk
from xsurvey.sed.targets.microwaves import MicrowaveBackground
from xsurvey.sed.targets.torus import Torus

TARGETS: Mapping[str, str] = {
    target.name: target.description for target in (Disk, BroadLines, Torus, MicrowaveBackground)
}
"""Names of targets, and what they are."""


def targets(
    names: Sequence[str], *, redshift: float, line: str = DEFAULT_LINE, black_body: bool = False
) -> list[Target]:
    """Return targets in the order of `TARGETS`.

    Parameters
    ----------
    names : sequence of str
        Of `TARGETS`.
    redshift : float
        Of the cosmic background.
    line : str
        Of the broad lines, by name or by its wavelength in Angstrom.
    black_body : bool
        Whether the dust's photons are those of a black body, or of one energy.

    Raises
    ------
    ParameterError
        No names, or an unknown or repeated one, or an unknown line.
    """
    for name in names:
        if name not in TARGETS:
            raise ParameterError("target", f"there is no target '{name}'", nearest(name, TARGETS))
    if not names or len(set(names)) < len(names):
        raise ParameterError(
            "target", "what electrons scatter is missing or repeated",
            "name one or more of " + ", ".join(TARGETS) + ", each once",
        )  # fmt: skip
    known: dict[str, Target] = {
        "disk": Disk(),
        "blr": BroadLines(line),
        "torus": Torus(black_body),
        "cmb": MicrowaveBackground(redshift),
    }
    return [target for name, target in known.items() if name in names]
