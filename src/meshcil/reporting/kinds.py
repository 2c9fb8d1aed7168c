"""Kinds of tables, figures and pictures: a module each, found by name."""

from typing import Any

import pandas as pd

from meshcil.config.base import validate
from meshcil.config.experiment import Artifact, NoOptions, options_class
from meshcil.core.naming import load_module
from meshcil.reporting.scores import keep
from meshcil.reporting.table import Table


def make(folder: str, function: str, artifact: Artifact, source: Any) -> Any:
    """What the function of a kind makes of scores or test images.

    Raises InputError for an unknown kind or option, or when the options do not suit the source.
    """
    model = options_class(folder, artifact.kind)
    options = validate(model, dict(artifact.options), f"options of `{artifact.name}` ({artifact.kind})")
    call = getattr(load_module(f"meshcil.reporting.{folder}", artifact.kind), function)
    return call(source) if model is NoOptions else call(source, options)


def build_table(table: Artifact, scores: pd.DataFrame) -> Table:
    """A table of an experiment.

    Args:
        table: its settings.
        scores: collected scores of the experiment.

    Raises:
        InputError: when the settings do not suit the scores.
    """
    return make("tables", "build", table, keep(scores, table.select, f"table {table.name}"))
