"""Found sources come back from disk as they were."""

from dataclasses import fields
from pathlib import Path

import numpy as np

from xsurvey.detection.fitted import FittedSources, FoundSources
from xsurvey.detection.found_store import nothing_found, read_found, write_found
from xsurvey.imaging.sky_image import SkyImage

from ..imaging.test_stack_images import tan_grid


def test_found_sources_come_back(tmp_path: Path) -> None:
    n, bands = 3, ("b", "s")
    columns = {f.name: np.arange(n) * np.pi for f in fields(FittedSources) if f.name != "bands"}
    columns |= dict.fromkeys(
        ("rate", "rate_error", "counts", "band_likelihood"), np.arange(6.0).reshape(n, 2) / 7
    )
    columns["covariance"] = np.arange(12.0).reshape(n, 2, 2) / 3
    columns["best_band"] = np.array(["b", "s", "b"])
    columns["converged"] = np.array([True, False, True])
    columns["group"] = np.array([0, 0, 1])
    columns["extent_hi"] = np.array([np.nan, 1.0, 2.0])
    grids = {"one": tan_grid((5, 7), 2.0), "two": tan_grid((4, 3), 2.0, angle=30.0)}
    found = FoundSources(
        FittedSources(bands, **columns), np.array(["TRUE", "TRUE", "MARGINAL"]),
        {
            name: {b: SkyImage(np.full(grid.shape, 0.25 * k), grid, "count / pixel")
                   for k, b in enumerate(bands, start=1)}
            for name, grid in grids.items()
        },
        {name: np.indices(grid.shape)[0] > 1 for name, grid in grids.items()},
        (0.25, 1.5),
    )  # fmt: skip
    write_found(tmp_path / "found", found)
    back = read_found(tmp_path / "found")
    assert back.sources.bands == bands
    for name, values in columns.items():
        again = getattr(back.sources, name)
        assert again.dtype.kind == values.dtype.kind, name
        np.testing.assert_array_equal(again, values)
    assert back.classification.tolist() == ["TRUE", "TRUE", "MARGINAL"]
    assert list(back.backgrounds) == ["one", "two"]
    assert back.expected_false == (0.25, 1.5)
    for name, grid in grids.items():
        np.testing.assert_array_equal(back.masks[name], found.masks[name])
        image = back.backgrounds[name]["s"]
        assert image.data[0, 0] == 0.5
        assert image.grid.shape == grid.shape
        assert np.allclose(image.grid.to_icrs(1, 2), grid.to_icrs(1, 2))


def test_where_nothing_was_exposed_nothing_is_found(tmp_path: Path) -> None:
    write_found(tmp_path / "found", nothing_found())
    back = read_found(tmp_path / "found")
    assert len(back.sources) == 0
    assert back.backgrounds == {}
