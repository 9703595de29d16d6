"""Versions of the data that models are made from, for the keys of tasks that fit them."""

from __future__ import annotations

from xsurvey.inference.parameter_set import ParameterSet
from xsurvey.spectra.models.atomdb import atomdb_files, find_atomdb
from xsurvey.spectra.models.expression import Expression
from xsurvey.spectra.models.installation import content_hash, installation
from xsurvey.spectra.models.model_data import require_data, uses_atomdb
from xsurvey.spectra.models.python_models import python_models
from xsurvey.spectra.models.settings import ModelSettings
from xsurvey.spectra.models.table_store import TABLE_FORMAT


def model_versions(
    expression: Expression, rows: ParameterSet, settings: ModelSettings
) -> dict[str, str]:
    """Return the versions of the model library, of its tables, and of data of each component.

    Parameters
    ----------
    expression : Expression
    rows : ParameterSet
        Those of the expression first: some decide which data are read.
    settings : ModelSettings

    Raises
    ------
    ParameterError
        A parameter that chooses data has a value that means nothing.
    MissingDataError
        The model library, or data of a component, are not installed.
    """
    uses = {}
    for component in expression.components:
        columns = component.columns
        values = [p.value for p in rows.parameters[columns.start : columns.stop]]
        require_data(component.definition, values)
        if uses_atomdb(component.definition, values):
            uses["atomdb"] = atomdb_version(settings)
        own = python_models().get(component.definition.name.lower())
        if own is not None:
            uses[f"model {own.name}"] = own.version
    return uses | {"models": installation().version, "tables": str(TABLE_FORMAT)}


def atomdb_version(settings: ModelSettings) -> str:
    """Return version and contents of AtomDB's files.

    Raises
    ------
    MissingDataError
        They are not installed.
    """
    files = "-".join(content_hash(path)[:8] for path in atomdb_files(find_atomdb(settings)))
    return f"{settings.atomdb} {files}"
