"""How much worse a method learns new classes than joint training does (Chaudhry et al., ECCV 2018)."""

import pandas as pd

from meshcil.config.tables.intransigence import Options
from meshcil.evaluation.metrics import intransigence
from meshcil.reporting.scores import RUN, SOURCES, joined, last_step
from meshcil.reporting.table import Table, assemble, percent

_PLACE = ["dataset", "protocol", "seed", "step"]


def build(scores: pd.DataFrame, options: Options) -> Table:
    """Rows: runs. Columns in percent, on the clean test set, over the images of the classes that arrived in a step.

    `intransigence`: accuracy of joint training right after a step less that of the run, mean over the steps; low where
    a method takes in what is new, whatever it forgets. `in the last step`: that of the last step alone.
    """
    newest = (scores["task"] == scores["step"].astype(str)) & (scores["class_name"] == "")
    rows = scores[newest & (scores["metric"] == "accuracy") & (scores["test_set"] == "clean")]
    joint = rows[rows["method"] == options.reference][[*_PLACE, "value", SOURCES]]
    pairs = rows[rows["method"] != options.reference].merge(joint, on=_PLACE, suffixes=("", " of joint"))
    pairs[SOURCES] = [joined(both) for both in zip(pairs[SOURCES], pairs[f"{SOURCES} of joint"], strict=True)]
    runs = [
        (*key, intransigence(run["value of joint"], run["value"]), joined(run[SOURCES]))
        for key, run in pairs.groupby([*RUN, "seed"], sort=False)
    ]
    columns = {
        "intransigence": pd.DataFrame(runs, columns=[*RUN, "seed", "value", SOURCES]),
        "in the last step": last_step(pairs.assign(value=pairs["value of joint"] - pairs["value"])),
    }
    return assemble(pairs, {name: percent(values) for name, values in columns.items()})
