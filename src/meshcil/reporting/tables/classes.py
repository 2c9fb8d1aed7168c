"""One metric per class, after the last step."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from meshcil.config.base import Settings, validate
from meshcil.reporting.layout import assemble, percent
from meshcil.reporting.scores import last_step


class Options(Settings):
    """Settings of this kind of table."""

    metric: str = "accuracy"
    """`accuracy` or a pose metric."""
    test_set: str = "clean"
    """Test set."""


def build(scores: pd.DataFrame, options: Mapping[str, Any]) -> pd.DataFrame:
    """Rows: runs. Columns: classes, in percent.

    Raises:
        InputError: for an unknown option.
    """
    settings = validate(Options, dict(options), "options of a `classes` table")
    chosen = (scores["metric"] == settings.metric) & (scores["test_set"] == settings.test_set)
    rows = percent(last_step(scores[chosen & (scores["class_name"] != "")]))
    return assemble(scores, {f"{name} [%]": rows[rows["class_name"] == name] for name in rows["class_name"].unique()})
