"""The survey field on which sources are searched: 3.6 x 3.6 deg, seven modules, about 1000 sources.

Sources: log N - log S of Moretti et al. (2003, ApJ 588, 696) at 0.5-2 keV above 1.5e-14
erg/s/cm2, tbabs*powerlaw with nH 3e20 cm-2 and index 2. 112 scans 2.5 arcmin apart: a place in the
middle is in the field for 800 s, worth 495 s on the axis at 1 keV, and sources at the limit have
12 expected counts at 0.2-8 keV.

Background of all modules at 0.2-2.3 keV, count/s/arcmin2; its order is what matters here:

- particles .9e-3: flat, 130 counts/min at 0.5-10 keV on each chip, the middle of what the
  closed-filter recipe of the first data release lets pass (90-170), 79 % of it within the circle;
- the sky, 3.5e-3 on the axis, half of that in the mean over the field: the extragalactic
  background, absorbed, with 11.6 photons/s/cm2/keV/sr at 1 keV and index 1.41 (De Luca & Molendi
  2004, A&A 419, 837), less a fifth for what the sources have of it, makes 2.3e-3; a soft part of
  1.2e-3, bremsstrahlung of 0.2 keV, is a guess that stands for the thermal emission of the Galaxy
  and needs no atomic data.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from xsurvey.simulate.observation import simulate_observation
from xsurvey.simulate.parameters import SimulationParameters
from xsurvey.simulate.result import SimulatedObservation
from xsurvey.simulate.write import write_simulation

PARTICLES = 0.18  # count/s/keV on the circle of a module
EXTRAGALACTIC = 7.9e-7  # photon/s/cm2/keV/arcmin2 at 1 keV
SOFT = 4.0e-6  # norm of bremss per arcmin2
LIMIT = 1.5e-14

SETTINGS: dict[str, Any] = {
    "mission": "erosita",
    "scans": 112,
    "scan_distance": "2.5arcmin",
    "field_size": "3.6deg",
    "energy": "0.2-8",
    "log_n_log_s": str(LIMIT),
    "diffuse": "bremss+tbabs*powerlaw",
    "diffuse_set": (
        "bremss.kT=0.2", f"bremss.norm={SOFT}", "tbabs.nH=0.03", "powerlaw.PhoIndex=1.41",
        f"powerlaw.norm={EXTRAGALACTIC}",
    ),
    "particle": "powerlaw",
    "particle_set": ("powerlaw.PhoIndex=0", f"powerlaw.norm={PARTICLES}"),
    "origin": True,
}  # fmt: skip


def survey_field(path: Path, seed: int, **changes: Any) -> SimulatedObservation:
    """Simulate the field, and write it with its truth table.

    Parameters
    ----------
    path : path
        Event file; the truth table goes beside it.
    seed : int
    **changes
        Parameters of the simulator in place of `SETTINGS`.
    """
    observation = simulate_observation(SimulationParameters(**{**SETTINGS, **changes}), seed)
    write_simulation(path, observation)
    return observation
