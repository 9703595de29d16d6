"""Pieces of stacks as a survey would leave them, made from random numbers in one go."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from xsurvey.pipelines.source_pieces import SourcePiece, piece_of, write_piece

BANDS = {"b": "0.5-7 keV", "s": "0.5-1.2 keV", "m": "1.2-2 keV", "h": "2-7 keV"}
HARDNESS = {"hs": "2-7 over 0.5-1.2 keV", "ms": "1.2-2 over 0.5-1.2 keV"}
PER_STACK = 500
OBSERVATIONS = 2
"""Rows of observations of each detection."""

_FIELD = 0.5  # deg, side of a stack
_OVERLAP = 0.1  # of the side, on the next stack of the row
_ERROR = 1.0  # arcsec
_PARTS_IN_A_FOLDER = 100


def write_pieces(folder: Path, sources: int, seed: int) -> list[Path]:
    """Write the pieces of stacks in rows of constant declination.

    Neighbours in a row share a tenth of the sky, and the sources on it, at places that differ by
    their errors.

    Parameters
    ----------
    folder : path
    sources : int
        Sources of all stacks together, about: `PER_STACK` a stack.
    seed : int

    Returns
    -------
    list of path
        One folder a stack.
    """
    paths = []
    for number, piece in enumerate(_pieces(max(1, round(sources / PER_STACK)), seed)):
        path = folder / f"{number // _PARTS_IN_A_FOLDER:04d}" / piece.facts.target
        path.parent.mkdir(parents=True, exist_ok=True)
        write_piece(path, piece)
        paths.append(path)
    return paths


def _pieces(stacks: int, seed: int) -> Iterator[SourcePiece]:
    empty = piece_of(
        {"target": "x", "rows": [], "observations": [], "bands": BANDS, "hardness": HARDNESS}
    )
    in_a_row = max(1, int(300 / _FIELD))
    before: tuple[np.ndarray, np.ndarray] | None = None
    for number in range(stacks):
        generator = np.random.default_rng([seed, number])
        row, column = divmod(number, in_a_row)
        offset = generator.uniform(0, _FIELD, (2, PER_STACK))
        shared = 0
        if before is not None and column:
            ra, dec = before
            shared = len(ra)
            offset[:, :shared] = np.stack([ra, dec]) + generator.normal(
                0, _ERROR / 3600, (2, shared)
            )
        east = offset[0] > _FIELD * (1 - _OVERLAP)
        before = offset[0][east] - _FIELD * (1 - _OVERLAP), offset[1][east]
        dec = (row // 2 + 1) * _FIELD * (1 if row % 2 else -1) + offset[1] - _FIELD / 2
        ra = column * _FIELD * (1 - _OVERLAP) + offset[0]
        yield _piece(empty, f"stack_{number:05d}", ra, dec, generator)


def _piece(
    empty: SourcePiece, target: str, ra: np.ndarray, dec: np.ndarray,
    generator: np.random.Generator,
) -> SourcePiece:  # fmt: skip
    likelihood = np.sort(10 + generator.pareto(1.0, len(ra)) * 5)[::-1]
    known = {
        "ra": ra, "dec": dec, "detection_likelihood": likelihood, "owned": np.ones(len(ra), bool),
        "position_error": np.full(len(ra), 1.5 * _ERROR),
        "error_major_68": np.full(len(ra), 1.6 * _ERROR),
        "error_minor_68": np.full(len(ra), 1.4 * _ERROR),
        "classification": np.where(likelihood > 15, "TRUE", "MARGINAL"),
    }  # fmt: skip
    seen = {
        "number": np.repeat(np.arange(1, len(ra) + 1), OBSERVATIONS),
        "ra": np.repeat(ra, OBSERVATIONS), "dec": np.repeat(dec, OBSERVATIONS),
        "observation": np.tile([f"{target}_{n}" for n in range(OBSERVATIONS)], len(ra)),
        "start": np.tile(55000.0 + np.arange(OBSERVATIONS), len(ra)),
    }  # fmt: skip
    tables = {
        "sources": _filled(empty.read("sources", None).schema, known, len(ra), generator),
        "observations": _filled(
            empty.read("observations", None).schema, seen, len(ra) * OBSERVATIONS, generator
        ),
    }
    facts = type(empty.facts)(**{**vars(empty.facts), "target": target})
    return SourcePiece(facts, lambda name, _: tables[name])


def _filled(
    schema: pa.Schema, known: dict[str, np.ndarray], rows: int, generator: np.random.Generator
) -> pa.Table:
    """Return a table with random numbers of two or three digits where nothing is known."""
    columns = []
    for field in schema:
        if field.name in known:
            columns.append(pa.array(known[field.name]).cast(field.type))
        elif pa.types.is_string(field.type):
            columns.append(pa.array(np.full(rows, field.name[:8])))
        elif pa.types.is_floating(field.type):
            columns.append(pa.array(generator.lognormal(0, 2, rows)).cast(field.type))
        else:
            columns.append(pa.array(generator.integers(0, 64, rows)).cast(field.type))
    return pa.table(columns, schema=schema)
