"""ELI's two-task experiment: the first task before and after the second, and after alignment."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from meshcil.config.base import Settings, validate
from meshcil.reporting.layout import assemble, percent


class Options(Settings):
    """None: the table has one form."""


def build(scores: pd.DataFrame, options: Mapping[str, Any]) -> pd.DataFrame:
    """Rows: studies of kind `two-tasks`. Columns: accuracies on test images, in percent.

    `learned`: first task, after it was learned. `second`: second task. `after second`: first task, after the second.
    `aligned`: the same with all latents aligned, at the published iteration. `aligned, held-out stop`: at the iteration
    that held-out training images choose, which is `stopped at`.

    Raises:
        InputError: for an unknown option.
    """
    validate(Options, dict(options), "options of a `two_tasks` table")

    def of(metric: str, split: str = "first") -> pd.DataFrame:
        return scores[(scores["metric"] == metric) & (scores["test_set"] == split)]

    names = scores.assign(data=scores["dataset"])
    columns = {
        "learned [%]": percent(of("after_first")),
        "second [%]": percent(of("after_second", "second")),
        "after second [%]": percent(of("after_second")),
        "aligned [%]": percent(of("aligned")),
        "aligned, held-out stop [%]": percent(of("aligned_held_out")),
        "stopped at": of("held_out_iteration"),
    }
    columns = {name: rows.assign(data=rows["dataset"]) for name, rows in columns.items()}
    return assemble(names, columns, "data")
