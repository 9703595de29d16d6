"""Whether intervals of the chain for clusters, from events to the mass, hold the truth.

A cluster in hydrostatic equilibrium, sources below a flux limit, Local Hot Bubble, halo and
particles are surveyed by one module and read by the functions that the stages of the pipeline
`cluster` call: brightness, six annuli out to R200 and a ring of the sky, joint spectral fit with
the PSF's mixing, deprojection, mass. Templates of particles are off by a part that is drawn from
their prior of 5 %, or by 5 % exactly. Further observations of each realisation: the cluster with
an excess in a sector, gas of one temperature, and fields without a cluster.

Rows are kept in a file beside the result (`--partial FILE`); a run that finds some there goes on.
"""

from __future__ import annotations

import json
import multiprocessing
import traceback
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.cluster_analysis import (
    Clock,
    brightness_of,
    brightness_record,
    density_of,
    density_record,
    excess,
    light_of,
    mass_record,
    sector_record,
    spectra_of,
    spectral_record,
)
from benchmarks.cluster_observation import TEMPLATE_ERROR, case, forget, simulated
from benchmarks.cluster_summary import summary
from benchmarks.cluster_truths import truths
from benchmarks.command import benchmark, trials
from xsurvey.errors import XSurveyError

REALISATIONS = 200
EMPTY_FIELDS = 3  # a realisation


def realisation(seed: int, index: int) -> dict[str, Any]:
    """Simulate and analyse one realisation, in all its variants."""
    words = np.random.SeedSequence(seed, spawn_key=(index,)).generate_state(4 + EMPTY_FIELDS)
    off = TEMPLATE_ERROR * float(np.random.default_rng(words[0]).standard_normal())
    row: dict[str, Any] = {"index": index, "off": off, "failed": {}}
    clock = Clock()
    for name, part in (
        ("cluster", lambda: _cluster(seed, int(words[1]), off)),
        ("sector", lambda: _sector(seed, int(words[2]), off)),
        ("isothermal", lambda: _isothermal(seed, int(words[3]), off)),
        ("empty", lambda: [_empty(seed, int(w), off) for w in words[4:]]),
    ):
        try:
            row[name] = part()
        except (XSurveyError, ValueError, np.linalg.LinAlgError) as error:
            row["failed"][name] = f"{error}\n{traceback.format_exc(limit=-3)}"
        clock.stop(name)
    row["seconds"] = clock.seconds
    return row


def _cluster(seed: int, own_seed: int, off: float) -> dict[str, Any]:
    own, truth = case(seed), truths(seed)
    events = simulated("cluster", own_seed)
    found = brightness_of(events, own, off, own_seed)
    record = brightness_record(found, truth)
    record["sectors"] = sector_record(found)
    light = light_of(found)
    spectra = spectra_of(events, own, off, light, two=True)
    record["spectra"] = spectral_record(spectra.profile, truth)
    density = density_of(own, found, light, spectra, own_seed)
    record["density"] = density_record(density, truth)
    record["mass"] = mass_record(spectra, density, truth, own_seed)
    for name, wrong in (("high", TEMPLATE_ERROR), ("low", -TEMPLATE_ERROR)):
        other = brightness_of(events, own, wrong)
        fitted = spectra_of(events, own, wrong, light, two=False).profile
        record[name] = {
            "excess": brightness_record(other, truth)["excess"],
            "spectra": spectral_record(fitted, truth),
        }  # fmt: skip
    forget(events)
    return record


def _sector(seed: int, own_seed: int, off: float) -> dict[str, float]:
    events = simulated("sector", own_seed)
    found = sector_record(brightness_of(events, case(seed), off))
    forget(events)
    return found


def _isothermal(seed: int, own_seed: int, off: float) -> dict[str, Any]:
    own = case(seed)
    events = simulated("isothermal", own_seed)
    light = light_of(brightness_of(events, own, off, own_seed))
    profile = spectra_of(events, own, off, light, two=True, intervals=False).profile
    forget(events)
    return {"gain": profile.two_temperature_gain.tolist(), "flags": profile.flags.tolist()}


def _empty(seed: int, own_seed: int, off: float) -> float:
    events = simulated("empty", own_seed)
    found = excess(brightness_of(events, case(seed), off))[2]
    forget(events)
    return found


def run(
    seed: int, fraction: float, workers: str | None = None, partial: str | None = None
) -> dict[str, Any]:
    """Measure how often intervals of a cluster's profiles and mass hold the truth."""
    number = trials(REALISATIONS, fraction)
    file = None if partial is None else Path(partial)
    rows = {r["index"]: r for r in _read(file) if r["index"] < number}
    missing = [i for i in range(number) if i not in rows]
    if missing:
        _warm(seed)
        fork = multiprocessing.get_context("fork")
        with ProcessPoolExecutor(int(workers or 2), mp_context=fork) as pool:
            waiting = [pool.submit(realisation, seed, i) for i in missing]
            for done in as_completed(waiting):
                row = done.result()
                rows[row["index"]] = row
                if file is not None:
                    with file.open("a") as out:
                        # begins a line of its own even behind a torn one
                        out.write("\n" + json.dumps(row) + "\n")
    return summary([rows[i] for i in sorted(rows)])


def _warm(seed: int) -> None:
    """Find what all realisations share, before processes are parted."""
    case(seed)
    truths(seed)
    for kind in ("cluster", "sector", "isothermal"):
        forget(simulated(kind, 0))


def _read(file: Path | None) -> list[dict[str, Any]]:
    """Return the rows of an earlier run; the last line may be torn."""
    rows = []
    for line in file.read_text().splitlines() if file is not None and file.exists() else []:
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return rows


if __name__ == "__main__":
    benchmark(
        run, seed=20261126, libraries=("xspectrampoline",),
        options={
            "workers": "processes, 2 if not given",
            "partial": "file in which rows are kept, and from which a run goes on",
        },
    )  # fmt: skip
