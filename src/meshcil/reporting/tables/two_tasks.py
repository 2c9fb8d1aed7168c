"""ELI's two-task experiment: the first task before and after the second, and after alignment."""

import pandas as pd

from meshcil.reporting.table import Column, Table, assemble, percent


def build(scores: pd.DataFrame) -> Table:
    """Rows: studies of kind `two-tasks`. Columns: accuracies on test images, in percent.

    `learned`: first task, after it was learned. `second`: second task. `after second`: first task, after the second.
    `aligned`: the same with all latents aligned, at the published iteration. `aligned, held-out stop`: at the iteration
    that held-out training images choose, which is `stopped at`.
    """

    def of(metric: str, split: str = "first") -> pd.DataFrame:
        return named[(named["metric"] == metric) & (named["test_set"] == split)]

    named = scores.assign(data=scores["dataset"])
    columns = {
        "learned": percent(of("after_first")),
        "second": percent(of("after_second", "second")),
        "after second": percent(of("after_second")),
        "aligned": percent(of("aligned")),
        "aligned, held-out stop": percent(of("aligned_held_out")),
        "stopped at": Column(of("held_out_iteration")),
    }
    return assemble(named, columns, "data")
