"""Accuracy on all classes seen, after each step."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from meshcil.config.base import Settings, validate
from meshcil.reporting.layout import assemble, percent
from meshcil.reporting.scores import classes_seen, clean


class Options(Settings):
    """Settings of this kind of table."""

    metric: str = "accuracy"
    """Metric of the clean test set."""


def build(scores: pd.DataFrame, options: Mapping[str, Any]) -> pd.DataFrame:
    """Rows: runs. Columns: number of classes seen, in percent.

    Raises:
        InputError: for an unknown option.
    """
    settings = validate(Options, dict(options), "options of a `steps` table")
    rows = clean(scores, settings.metric).merge(classes_seen(scores), on=["dataset", "protocol", "step"], how="inner")
    columns = {
        f"{classes} classes [%]": percent(rows[rows["classes"] == classes])
        for classes in sorted(rows["classes"].unique())
    }
    return assemble(scores, columns)
