"""Which models read data that come with HEASoft only, or AtomDB's."""

from __future__ import annotations

from xsurvey.spectra.models.definitions import ModelDefinition


def needed_data(definition: ModelDefinition) -> str:
    """Stub."""
    return ""


def uses_atomdb(definition: ModelDefinition) -> bool:
    """Stub."""
    return "apec" in definition.name
