"""Speed and memory of polarization in energy bins, beside ixpeobssim's polarization cubes.

Event files of three units as the archive has them (62 bytes a row) are made; reading, good times,
sums and estimators are timed by the process' own time, in processes of their own, after imports.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from benchmarks.command import benchmark, trials

EVENTS = (1_000_000, 10_000_000, 50_000_000)
PEER_EVENTS = 1_000_000
EBINS = {"3_bins": "2,4,6,8", "30_bins": ",".join(f"{2 + 0.2 * i:g}" for i in range(31))}
IRF = "ixpe:obssim20230101:v13"
LINES = {"cpu_s_per_million": 0.1, "over_ixpeobssim": 5}
REPEATS = 3
_CHUNK = 1_000_000
_START = 170e6
_SPAN = 1e6
_LAYOUT = [
    ("TRG_ID", "J", ">i4"), ("TIME", "D", ">f8"), ("STATUS", "16X", "2u1"),
    ("STATUS2", "16X", "2u1"), ("PI", "J", ">i4"), ("W_MOM", "E", ">f4"), ("X", "E", ">f4"),
    ("Y", "E", ">f4"), ("Q", "D", ">f8"), ("U", "D", ">f8"),
]  # fmt: skip


def run(seed: int, fraction: float) -> dict[str, Any]:
    """Measure CPU time and memory against the number of events."""
    result: dict[str, Any] = {"lines": LINES, "events": []}
    with tempfile.TemporaryDirectory() as folder:
        for number in EVENTS:
            count = trials(number, fraction)
            paths = write_units(Path(folder), count, seed)
            record: dict[str, Any] = {"events": count}
            for name, edges in EBINS.items():
                record[name] = _measure("--ours", edges, paths, count)
            if number == PEER_EVENTS:
                record["ixpeobssim"] = {
                    name: _measure("--peer", edges, paths, count, home=folder)
                    for name, edges in EBINS.items()
                }
                for name in EBINS:
                    peer = record["ixpeobssim"][name]
                    if "cpu_s_per_million" in peer:
                        record[f"{name}_over_ixpeobssim"] = (
                            peer["cpu_s_per_million"] / record[name]["cpu_s_per_million"]
                        )
            result["events"].append(record)
    return result


def _measure(
    which: str, edges: str, paths: list[Path], count: int, home: str | None = None
) -> dict[str, Any]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    if home is not None:  # the peer makes folders there
        environment |= {"HOME": home, "MPLBACKEND": "Agg"}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.polarization_speed", which, edges, *map(str, paths)],
        capture_output=True, text=True, check=False, env=environment,
    )  # fmt: skip
    if done.returncode:
        return {"skipped": done.stderr.strip().splitlines()[-1]}
    seconds, before, peak = json.loads(done.stdout.strip().splitlines()[-1])
    return {
        "cpu_s_per_million": seconds / count * 1e6, "peak_memory_mb": peak,
        "memory_before_mb": before,
    }  # fmt: skip


def ours(edges: str, paths: list[str]) -> None:
    """Print CPU seconds, and memory before and at its peak in MB, of xsurvey."""
    from xsurvey.missions import open_events
    from xsurvey.polarization.measure import measure_polarization
    from xsurvey.polarization.parameters import PolarizationParameters

    def once() -> None:
        parameters = PolarizationParameters(ebins=edges, irf=IRF)
        measure_polarization(open_events(paths), parameters)

    _print(once)


def peer(edges: str, paths: list[str]) -> None:
    """Print the same of ixpeobssim, whose cubes of the units are added."""
    from ixpeobssim.binning.polarization import xBinnedPolarizationCube
    from ixpeobssim.core import pipeline

    def once() -> None:
        made = pipeline.xpbin(
            *paths, algorithm="PCUBE", irfname=IRF, ebinalg="LIST", acceptcorr=True,
            ebinning=[float(e) for e in edges.split(",")], overwrite=True,
        )  # fmt: skip
        xBinnedPolarizationCube.from_file_list(made)

    _print(once)


def _print(once: Any) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    best = np.inf
    for _ in range(REPEATS):
        start = time.process_time()
        once()
        best = min(best, time.process_time() - start)
    print(json.dumps([best, before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))


def write_units(folder: Path, events: int, seed: int) -> list[Path]:
    """Write the level 2 files of three units, together of ``events`` rows, in bounded memory."""
    shares = np.diff(np.linspace(0, events, 4).astype(int))
    return [
        _write_unit(folder / f"speed_du{unit}.fits", unit, int(rows), seed + unit)
        for unit, rows in zip((1, 2, 3), shares, strict=True)
    ]


def _write_unit(path: Path, unit: int, rows: int, seed: int) -> Path:
    dtype = np.dtype([(name, kind) for name, _, kind in _LAYOUT])
    hdu = fits.BinTableHDU.from_columns(
        [fits.Column(name=name, format=kind) for name, kind, _ in _LAYOUT], name="EVENTS"
    )
    header = hdu.header
    header["NAXIS2"] = rows
    keywords = {
        "TELESCOP": "IXPE", "INSTRUME": "GPD", "DETNAM": f"DU{unit}", "OBJECT": "SPEED",
        "OBS_ID": "99000001", "RA_OBJ": 150.0, "DEC_OBJ": 2.2, "RA_PNT": 150.0, "DEC_PNT": 2.2,
        "MJDREFI": 57754, "MJDREFF": 0.00080074074074, "TIMESYS": "TT", "TSTART": _START,
        "TSTOP": _START + _SPAN, "ONTIME": _SPAN, "LIVETIME": _SPAN * 0.9,
        "DATE-OBS": "2023-01-20T00:00:00", "DATE-END": "2023-02-01T00:00:00",
        "DET_ID": "DU_FM2", "DEADC": 0.9,
        "TELAPSE": _SPAN, "TIMEUNIT": "s", "TIMEREF": "LOCAL", "TIMEZERO": 0.0, "DEADAPP": False,
    }  # fmt: skip
    for key, value in keywords.items():
        header[key] = value
    for number, ctype, value, delta in ((7, "RA---TAN", 150.0, -1), (8, "DEC--TAN", 2.2, 1)):
        header[f"TCTYP{number}"], header[f"TCRVL{number}"] = ctype, value
        header[f"TCRPX{number}"], header[f"TCDLT{number}"] = 300.5, delta * 2.6 / 3600
        header[f"TCUNI{number}"] = "deg"
    primary = fits.PrimaryHDU()
    for key, value in keywords.items():
        primary.header[key] = value
    generator = np.random.default_rng(seed)
    with path.open("wb") as stream:
        stream.write(primary.header.tostring().encode())
        stream.write(header.tostring().encode())
        for start in range(0, rows, _CHUNK):
            count = min(_CHUNK, rows - start)
            block = np.zeros(count, dtype=dtype)
            block["TIME"] = _START + _SPAN * (start + np.arange(count)) / rows
            block["PI"] = np.minimum(25 + generator.exponential(45, count), 299).astype(int)
            block["W_MOM"] = generator.uniform(0.1, 1.5, count)
            block["X"], block["Y"] = generator.normal(300.5, 12, (2, count))
            phase = generator.uniform(0, 2 * np.pi, count)
            block["Q"], block["U"] = 2 * np.cos(phase), 2 * np.sin(phase)
            stream.write(block.tobytes())
        stream.write(bytes(-rows * dtype.itemsize % 2880))
    gti = np.array([(_START, _START + _SPAN)], dtype=[("START", ">f8"), ("STOP", ">f8")])
    fits.append(path, gti, fits.BinTableHDU(gti, name="GTI").header)
    return path


if __name__ == "__main__":
    if sys.argv[1:2] == ["--ours"]:
        ours(sys.argv[2], sys.argv[3:])
    elif sys.argv[1:2] == ["--peer"]:
        peer(sys.argv[2], sys.argv[3:])
    else:
        benchmark(run, seed=20261302)
