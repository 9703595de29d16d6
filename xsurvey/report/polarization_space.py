"""Polarization maps and profiles in words and tables of a page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from xsurvey.report.numbers import fixed
from xsurvey.report.polarization_tables import annuli_table, with_error
from xsurvey.report.polarization_words import percent, probability_text
from xsurvey.report.stokes_plane import energy_label
from xsurvey.report.table_text import TableText, number_of

_MODELS = {
    "radial": "radial directions", "tangential": "tangential directions",
    "constant": "one direction", "map": "a map of angles",
}  # fmt: skip


@dataclass(frozen=True)
class ProfilePart:
    """A polarization profile of an observation: in words, and its cells."""

    observation: str
    line: str
    annuli: TableText = field(default_factory=TableText)


def map_line(record: Mapping[str, Any]) -> str:
    """Return in words what a map found.

    Parameters
    ----------
    record : mapping
        As ``xsurvey polarization map --json`` writes it.
    """
    parts = []
    for one in record.get("bins") or []:
        expected = number_of(one, "above_mdp99_expected_by_chance")
        parts.append(
            f"{energy_label(one)}: {one.get('pixels')} pixels with enough events, "
            f"{one.get('above_mdp99')} above their MDP99, of which {expected:.2g} are expected by "
            "chance."
        )
    best, trials = record.get("most_significant"), record.get("trials") or {}
    if best:
        degree = with_error(100 * number_of(best, "pd"), 100 * number_of(best, "pd_err"))
        angle = with_error(number_of(best, "pa_deg"), number_of(best, "pa_err_deg"))
        parts.append(
            f"Most significant at {best['ra']:.5f}, {best['dec']:.5f}: degree {degree.text} %, "
            f"angle {angle.text}°. {trials_text(trials)}"
        )
    return " ".join(parts)


def trials_text(trials: Mapping[str, Any]) -> str:
    """Return in words how improbable the most significant cell is among all."""
    chance = number_of(trials, "p_global")
    if not math.isfinite(chance):
        return ""
    log_p = math.log(chance) if chance > 0 else -math.inf
    text = "By chance there is one as significant anywhere with a probability of "
    text += probability_text(log_p)
    sigma = number_of(trials, "sigma_global")
    if math.isfinite(sigma):
        text += f" ({fixed(sigma, 1)} sigma)"
    simulated = number_of(trials, "p_global_simulated")
    if math.isfinite(simulated):
        text += f", by {trials.get('simulations')} simulations {simulated:.2g}"
    return f"{text}."


def profile_part(observation: str, record: Mapping[str, Any]) -> ProfilePart:
    """Return what a page shows of a profile.

    Parameters
    ----------
    observation : str
    record : mapping
        As ``xsurvey polarization profile --json`` writes it.
    """
    model = _MODELS.get(str(record.get("model")), str(record.get("model")))
    angle = number_of(record, "model_angle_deg")
    if math.isfinite(angle):
        model += f" of {angle:g}°"
    parts: list[str] = []
    totals: Sequence[Mapping[str, Any]] = record.get("total_aligned") or []
    for one in totals:
        variance = number_of(one, "q_norm_variance")
        if not variance > 0:
            continue
        value = with_error(100 * number_of(one, "q_norm"), 100 * math.sqrt(variance))
        sigma = fixed(number_of(one, "alignment_sigma"), 1)
        parts.append(
            f"{energy_label(one)}, all together: {value.text} % along {model} ({sigma} sigma), "
            f"MDP99 {percent(number_of(one, 'mdp99'))}."
        )
    parts.append(trials_text(record.get("trials") or {}))
    return ProfilePart(observation, " ".join(p for p in parts if p), annuli_table(record))
