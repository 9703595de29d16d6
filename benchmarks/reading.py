"""Reading, filtering and binning events: events a second on one core, and peak memory."""

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

ROWS = (10_000_000, 100_000_000)
ROW_BYTES = 94
_CHUNK = 1_000_000
_REPEATS = 3


def run(seed: int, fraction: float) -> dict[str, Any]:
    """Bin 10 and 100 million events of 94 bytes into a 3240 x 3240 image."""
    result: dict[str, Any] = {"row_bytes": ROW_BYTES, "files": []}
    with tempfile.TemporaryDirectory() as folder:
        for rows in ROWS:
            count = trials(rows, fraction)
            path = Path(folder) / "events.fits"
            write_events(path, count, seed)
            result["files"].append({"rows": count, **_measure(path)})
            path.unlink()
    return result


def _measure(path: Path) -> dict[str, Any]:
    """Measure in a process of its own, so that the peak of memory is this reading's."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.reading", "--one", str(path)],
        capture_output=True, text=True, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    seconds, peak, binned = done.stdout.split()
    rows = fits.getheader(path, 1)["NAXIS2"]
    return {
        "cpu_seconds": float(seconds), "events_per_cpu_second": rows / float(seconds),
        "peak_memory_mb": float(peak), "binned": int(binned),
    }  # fmt: skip


def bin_once(path: Path) -> None:
    """Read, filter and bin one file; print CPU seconds, peak memory in MB and the counts."""
    from xsurvey.imaging.counts import bin_events
    from xsurvey.imaging.sky_image import ImageGrid
    from xsurvey.missions import open_events
    from xsurvey.units import EnergyBand

    events = open_events(path)
    side = 3240
    grid = ImageGrid(events.wcs, (side, side), 0.5, 0.5, 8192 / side, events.pixel_size)
    best, counts = np.inf, 0.0
    repeats = _REPEATS if events.rows <= 20_000_000 else 1
    for _ in range(repeats):
        start = time.process_time()
        counts = bin_events(events, grid, [EnergyBand(0.5, 7.0)])[0].data.sum()
        best = min(best, time.process_time() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(best, peak, int(counts))


def write_events(path: Path, rows: int, seed: int) -> None:
    """Write an ACIS-like event file of any length in bounded memory."""
    layout = [
        ("time", "1D", ">f8"), ("ccd_id", "1I", ">i2"), ("x", "1E", ">f4"), ("y", "1E", ">f4"),
        ("energy", "1E", ">f4"), ("grade", "1I", ">i2"), ("status", "32X", "4u1"),
        ("filler", "66B", "66u1"),
    ]  # fmt: skip
    dtype = np.dtype([(name, kind) for name, _, kind in layout])
    assert dtype.itemsize == ROW_BYTES
    columns = [
        fits.Column(name=n, format=f, unit="eV" if n == "energy" else None) for n, f, _ in layout
    ]
    hdu = fits.BinTableHDU.from_columns(columns, name="EVENTS")
    header = hdu.header
    header["NAXIS2"] = rows
    for key, value in {
        "TELESCOP": "CHANDRA", "INSTRUME": "ACIS", "TSTART": 0.0, "TSTOP": 1e5, "DTCOR": 1.0,
        "RA_PNT": 150.0, "DEC_PNT": 2.2,
    }.items():  # fmt: skip
        header[key] = value
    for n, ctype, value, delta in ((3, "RA---TAN", 150.0, -1), (4, "DEC--TAN", 2.2, 1)):
        header[f"TCTYP{n}"], header[f"TCRVL{n}"] = ctype, value
        header[f"TCRPX{n}"], header[f"TCDLT{n}"] = 4096.5, delta * 0.492 / 3600
    generator = np.random.default_rng(seed)
    block = np.zeros(_CHUNK, dtype=dtype)
    block["time"] = np.sort(generator.uniform(0, 1e5, _CHUNK))
    block["ccd_id"] = generator.integers(0, 4, _CHUNK)
    block["x"], block["y"] = generator.uniform(1, 8192, (2, _CHUNK))
    block["energy"] = generator.uniform(200, 10_000, _CHUNK)
    block["grade"] = generator.integers(0, 8, _CHUNK)
    good = fits.BinTableHDU(
        np.array([(0.0, 1e5)], dtype=[("START", ">f8"), ("STOP", ">f8")]), name="GTI"
    )
    with path.open("wb") as stream:
        stream.write(fits.PrimaryHDU().header.tostring().encode())
        stream.write(header.tostring().encode())
        for start in range(0, rows, _CHUNK):
            stream.write(block[: min(_CHUNK, rows - start)].tobytes())
        stream.write(bytes(-rows * ROW_BYTES % 2880))
    fits.append(path, good.data, good.header)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        bin_once(Path(sys.argv[2]))
    else:
        benchmark(run, seed=1)
