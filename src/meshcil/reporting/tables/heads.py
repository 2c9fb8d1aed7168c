"""The linear (or cosine) head beside the nearest-mean classifier, for methods that have both."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from meshcil.config.base import Settings, validate
from meshcil.reporting.layout import assemble, percent
from meshcil.reporting.scores import clean

HEADS = {"linear": "linear", "nearest mean": "nearest_mean"}


class Options(Settings):
    """None: the table has one form."""


def build(scores: pd.DataFrame, options: Mapping[str, Any]) -> pd.DataFrame:
    """Rows: runs. Columns: average incremental and last accuracy of each classifier, in percent.

    Raises:
        InputError: for an unknown option.
    """
    validate(Options, dict(options), "options of a `heads` table")
    metrics = {"average": "average_incremental_accuracy", "last": "last_accuracy"}
    columns = {
        f"{title}, {short} [%]": percent(clean(scores, f"{head}_{metric}"))
        for title, head in HEADS.items()
        for short, metric in metrics.items()
    }
    return assemble(scores, columns)
