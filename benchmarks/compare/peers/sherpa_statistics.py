"""Sherpa's side of `spectral_speed`: runs under Sherpa's own Python, knows nothing of xsurvey.

A line of JSON in, a line of JSON out: what to load, parameters to evaluate, fits to do.
"""

import json
import os
import sys
import time

ANSWERS = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # Sherpa and the model library talk, from the moment they are loaded

import numpy as np  # noqa: E402
from sherpa.astro import ui, xspec  # noqa: E402


def main() -> None:
    """Answer lines of standard input until it ends."""
    for line in sys.stdin:
        request = json.loads(line)
        answer = {"load": load, "evaluate": evaluate, "fit": fit}[request.pop("do")](**request)
        ANSWERS.write(json.dumps(answer) + "\n")
        ANSWERS.flush()


def load(rmf: str, arf: str, counts: list[float], exposure: float, band: list[float],
         atomdb: str) -> dict[str, object]:  # fmt: skip
    """Make a spectrum of counts with a response, and the model of it."""
    ui.clean()
    xspec.set_xschatter(0)
    xspec.set_xsxset("APECROOT", atomdb)
    first = ui.unpack_rmf(rmf).offset
    ui.load_arrays(1, np.arange(len(counts)) + first, np.array(counts), ui.DataPHA)
    ui.set_exposure(exposure)
    ui.load_rmf(rmf)
    ui.load_arf(arf)
    ui.set_analysis("energy")
    ui.notice(*band)
    ui.set_stat("cstat")
    ui.set_source(ui.xstbabs.absorption * ui.xsapec.plasma)
    ui.get_model_component("plasma").Abundanc.thaw()
    evaluate([[0.1, 2.0, 0.5, 1e-3]])
    import sherpa

    return {"version": sherpa.__version__, "bins": int(ui.get_data().mask.sum())}


def evaluate(rows: list[list[float]]) -> dict[str, object]:
    """Return the statistics and the times of all rows."""
    absorption, plasma = ui.get_model_component("absorption"), ui.get_model_component("plasma")
    found = []
    wall, cpu = time.perf_counter(), time.process_time()
    for row in rows:
        absorption.nH, plasma.kT, plasma.Abundanc, plasma.norm = row
        found.append(ui.calc_stat())
    return {
        "wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu, "statistics": found
    }  # fmt: skip


def fit(pha: str, stat: str, grouped: bool) -> dict[str, object]:
    """Fit phabs * powerlaw from XSPEC's start values and return the statistic and the times."""
    ui.clean()
    xspec.set_xschatter(0)
    ui.load_pha(pha)
    if not grouped:
        ui.ungroup()
    ui.notice(0.5, 7.0)
    ui.set_stat(stat)
    if stat == "chi2datavar":
        ui.subtract()
    ui.set_source(ui.xsphabs.absorption * ui.xspowerlaw.source)
    ui.set_method("levmar")
    wall, cpu = time.perf_counter(), time.process_time()
    ui.guess("source")
    ui.fit()
    return {
        "wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu,
        "statistic": float(ui.calc_stat()),
    }  # fmt: skip


if __name__ == "__main__":
    main()
