"""The page of a cluster: all that the stages found is on it, and what is missing is not."""

import io
import re
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.patches import Rectangle
from PIL import Image

from xsurvey.pipelines.cluster.catalog_row import cluster_columns
from xsurvey.pipelines.cluster.parameters import TargetParameters
from xsurvey.report import ReportData
from xsurvey.report.cluster import ClusterReport, render_cluster_report, write_cluster_report
from xsurvey.report.cluster_brightness import (
    brightness_figure,
    sectors_figure,
    significance_figure,
)
from xsurvey.report.cluster_figures import ClusterResults, cluster_figures, figure_files
from xsurvey.report.cluster_images import cluster_image
from xsurvey.report.cluster_spectral import (
    annulus_spectra_figure,
    sky_figure,
    spectral_profile_figure,
)
from xsurvey.report.cluster_tables import annuli_table, flag_names, key_numbers, sector_table
from xsurvey.report.light import light_png
from xsurvey.report.numbers import DASH
from xsurvey.report.plate import new_figure, png_bytes

from . import cluster_records as records
from .conftest import write_image


def _run(**more):
    return ReportData("out: cluster", "cluster", [], config_text="schema: 1", **more)


def _results(**parts):
    known = {
        "brightness": records.brightness(), "spectral": records.spectral(),
        "density": records.density(), "mass": records.mass(),
    }  # fmt: skip
    return ClusterResults(**{**known, **parts})


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    counts = np.random.default_rng(1).poisson(0.5, (60, 60))
    mask = np.ones((60, 60))
    mask[10:20, 10:20] = 0
    for name, data, unit in (
        ("counts_500_2000", counts, "count"), ("mask", mask, ""),
        ("display_smoothed", counts + 0.1, "count s-1 arcmin-2"),
        ("display_wavelet_sum", counts - 0.5, "count s-1 arcmin-2"),
        ("residuals_beta", np.where(mask > 0, counts - 0.5, np.nan), ""),
    ):  # fmt: skip
        write_image(folder / f"{name}.fits", data, unit)
    return folder


def test_every_stage_has_its_figures(images):
    figures = cluster_figures(_results(images=images))
    assert list(figures) == [
        "image", "smoothed", "wavelets", "residuals_beta", "brightness", "sectors", "significance",
        "spectral_profile", "spectra", "sky", "density", "thermodynamics", "mass",
    ]  # fmt: skip
    files = figure_files({"sky": figures["sky"]})
    assert list(files) == ["sky.png", "sky_light.png"] and files["sky.png"][:4] == b"\x89PNG"
    # a picture of the sky would not be what its colour bar says
    assert list(figure_files({"image": figures["image"]})) == ["image.png"]


def test_images_without_absorption_are_shown_where_a_map_made_them(images):
    write_image(images / "display_corrected.fits", np.full((60, 60), 0.3), "count s-1 arcmin-2")
    bands = {"500_2000": {"band": [0.5, 2.0], "factor_min": 1.1, "factor_max": 1.25}}
    record = {"bands": bands, "kt": 3.0, "map": "nh.fits", "notes": ["a map was taken"]}
    results = _results(images=images, absorption=record)
    assert list(cluster_figures(results))[:3] == ["image", "smoothed", "corrected"]
    page = render_cluster_report(ClusterReport("x", _run(), results))
    assert "corrected for it, 0.5 to 2 keV" in page and "1.100 to 1.250" in page
    assert "a map was taken" in page
    bands["500_2000"]["factor_min"] = 1.25
    results = _results(images=images, absorption={**record, "map": None})
    assert "corrected" not in cluster_figures(results)
    page = render_cluster_report(ClusterReport("x", _run(), results, {}))
    assert "1.250 times, as of 3 keV" in page


def test_picture_has_the_sectors_of_the_spectra_where_there_are_any(images):
    def named(annuli):
        figure = cluster_image(images, records.brightness(), annuli, {})
        return {text.get_text() for text in figure.axes[0].texts if "°" in text.get_text()}

    assert named(records.spectral()) == {"0° to 180°", "180° to 0°"}
    annuli = records.spectral()
    annuli["annuli"] = [
        {**row, "sector": sector} for row in annuli["annuli"] for sector in ([45, 135], [135, 45])
    ]
    assert named(annuli) == {"45° to 135°", "135° to 45°"}


def test_norms_of_shells_are_not_told_per_arcmin2(images):
    record = {**records.spectral(), "deprojected": True}
    labels = [axes.get_ylabel() for axes in spectral_profile_figure(record, {}).axes]
    assert "Norm of a shell" in labels
    units = dict(annuli_table(record).columns)
    assert (units["Norm"], units["Flux"]) == ("10⁻⁶", "10⁻¹⁵ erg s⁻¹ cm⁻²")
    assert dict(annuli_table(records.spectral()).columns)["Norm"] == "10⁻⁶ arcmin⁻²"


def test_diagrams_on_white_keep_their_hues():
    figure = new_figure(1, 1)
    figure.add_artist(Rectangle((0, 0), 1, 0.5, color="#ffc080"))
    dark = png_bytes(figure, 50)
    with Image.open(io.BytesIO(dark)) as before, Image.open(io.BytesIO(light_png(dark))) as after:
        assert after.size == before.size and after.info["dpi"] == before.info["dpi"]
        assert before.getpixel((25, 5))[:3] == (0x0B, 0x0D, 0x12)
        assert after.getpixel((25, 5)) == (255, 255, 255)
        assert before.getpixel((25, 45))[:3] == (0xFF, 0xC0, 0x80)
        # of lightness 0.75, now 0.25, and a bit lighter as the ground is
        assert after.getpixel((25, 45)) == pytest.approx((137, 69, 0), abs=1)


def test_radii_are_those_that_were_fitted_else_those_given():
    assert _results().marks == {"R500": 740 / 58.6, "R200": 1100 / 58.6}
    assert _results(mass={}, density={}).marks == {"R200": 20.0}


def test_points_of_the_figure_are_those_of_the_record():
    record = records.brightness()
    axes = brightness_figure(record, {}).axes[0]
    drawn = [line.get_ydata() for line in axes.lines]
    assert any(len(y) == 13 and np.allclose(y, record["brightness"]) for y in drawn)
    model = next(line for line in axes.lines if line.get_label() == "beta")
    assert model.get_ydata()[0] == pytest.approx(
        0.2 * (1 + (model.get_xdata()[0] / 2) ** 2) ** -1.5 + 1e-3
    )


def test_there_is_no_figure_of_what_was_not_measured():
    record = records.brightness(sectors=False)
    assert sectors_figure(record, {}) is None
    del record["significance"]
    assert significance_figure(record, {}) is None
    assert annulus_spectra_figure({**records.spectral(), "spectra": []}) is None
    assert sky_figure({"background": {}}) is None


def test_annuli_without_a_fit_and_all_none_are_drawn_as_nothing():
    record = records.spectral()
    for row in record["annuli"]:
        for name in ("kt", "abundance", "norm", "kt_cool", "norm_cool"):
            row[name] = records.interval(None)
    figure = spectral_profile_figure(record, {})
    assert not [line for line in figure.axes[0].lines if len(line.get_ydata())]


def test_sectors_of_the_sky_are_one_group():
    figure = sky_figure(records.spectral())
    labels = {tuple(t.get_text() for t in a.get_yticklabels()) for a in figure.axes}
    assert ("halo_1", "halo_2") in labels


def test_the_page_has_numbers_figures_and_notes_once(tmp_path, images):
    path = tmp_path / "report.html"
    results = _results(images=images)
    some = {name: one for name, one in cluster_figures(results).items() if name in ("image", "sky")}
    report = ClusterReport("a cluster", _run(), results, some, [("t", "a/b.fits")])
    write_cluster_report(path, report)
    page = path.read_text()
    assert page.count('class="plate"') == 2
    assert "1.20 ± 0.12" in page and "2.5 sigma" in page and "Somebody (2005)" in page
    assert page.count("a note &lt;b&gt;of stars&lt;/b&gt;") == 1
    assert "<b>of stars" not in page
    assert "the chains of the mass have not converged" in page
    assert "approximate exposure" in page
    assert 'href="a/b.fits"' in page
    assert set(re.findall(r'<script|src="(?!data:)', page)) == {"<script"}


def test_stages_that_failed_leave_their_sections_out():
    page = render_cluster_report(
        ClusterReport("a cluster", _run(failures=[
            {"target": "x", "stage": "mass", "cause": "no", "log": ""}
        ]), _results(spectral={}, mass={}, density={}))
    )  # fmt: skip
    assert 'id="brightness"' in page
    assert 'id="spectra"' not in page and 'id="gas"' not in page
    assert "1 task failed" in page
    nothing = render_cluster_report(ClusterReport("c", _run(), ClusterResults()))
    assert "nothing to show" in nothing


def test_an_image_that_cannot_be_read_is_named_on_the_page(images):
    (images / "display_smoothed.fits").write_bytes(b"no")
    page = render_cluster_report(ClusterReport("c", _run(), _results(images=images)))
    assert "Figures are missing" in page and "display_smoothed.fits" in page


def test_what_is_shown_is_escaped():
    record = replace(_results(), density={}, mass={})
    page = render_cluster_report(ClusterReport("<script>x</script>", _run(), record, {}))
    assert "<script>x" not in page


def test_tables():
    table = annuli_table(records.spectral())
    assert [c[0] for c in table.columns][4] == "kT, cooler"
    assert len(table.rows) == 3 and all(len(r) == len(table.columns) for r in table.rows)
    assert flag_names(0) == "" and flag_names(4)
    keys = {label: number for label, number, _ in key_numbers(_results(), 0)}
    assert keys["M500"] == "1.20 ± 0.12" and keys["R500"] == "12.6 arcmin"
    empty = {label: number for label, number, _ in key_numbers(ClusterResults(), 2)}
    assert empty["M500"] == DASH and empty["Failures"] == "2"


def test_catalog_columns_of_a_cluster():
    row = cluster_columns(
        TargetParameters(redshift=0.05),
        {"brightness": records.brightness(), "spectral": records.spectral(),
         "density": records.density(), "mass": records.mass()},
    )  # fmt: skip
    # equal variances without covariance: a plain mean
    assert row["gas_temperature"] == pytest.approx(2.5)
    assert row["gas_temperature_hi"] - row["gas_temperature"] == pytest.approx(0.1 / np.sqrt(3))
    assert row["m500_lo"] == pytest.approx(1.08e14) and row["cluster_confidence"] == 0.683
    assert row["detection_likelihood"] == pytest.approx(43.628149, rel=1e-6)  # 9 sigma
    assert row["central_entropy"] == pytest.approx(25.0)
    nothing = {k: {} for k in ("brightness", "spectral", "density", "mass")}
    assert set(cluster_columns(TargetParameters(), nothing)) == {"cluster_confidence"}


def test_sectors_above_the_others_are_told():
    page = render_cluster_report(ClusterReport("c", _run(), _results(), {}))
    assert "Sectors above the others" in page
    assert "0° to 180°" in page and "4.2" in page and "1.31" in page
    table = sector_table(records.brightness())
    assert [name for name, _ in table.columns] == ["Sector", f"0{DASH}20'", "to the others"]
    assert str(table.rows[1][2].text) == DASH
    without = render_cluster_report(
        ClusterReport("c", _run(), _results(brightness=records.brightness(sectors=False)), {})
    )
    assert "Sectors above the others" not in without
