"""How much worse a method learns new classes than joint training does (Chaudhry et al., ECCV 2018)."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from pydantic import Field

from meshcil.config.base import Settings, validate
from meshcil.evaluation.incremental import intransigence
from meshcil.reporting.layout import assemble, percent
from meshcil.reporting.scores import RUN, last_step

_PLACE = ["dataset", "protocol", "seed", "step"]


class Options(Settings):
    """Settings of this kind of table."""

    reference: str = Field("joint", min_length=1)
    """Method whose runs are the joint training; those of the same dataset, protocol and seed are compared."""


def build(scores: pd.DataFrame, options: Mapping[str, Any]) -> pd.DataFrame:
    """Rows: runs. Columns in percent, on the clean test set, over the images of the classes that arrived in a step.

    `intransigence`: accuracy of joint training right after a step less that of the run, mean over the steps; low where
    a method takes in what is new, whatever it forgets. `in the last step`: that of the last step alone.

    Raises:
        InputError: for an unknown option.
    """
    settings = validate(Options, dict(options), "options of an `intransigence` table")
    newest = (scores["task"] == scores["step"].astype(str)) & (scores["class_name"] == "")
    rows = scores[newest & (scores["metric"] == "accuracy") & (scores["test_set"] == "clean")]
    joint = rows[rows["method"] == settings.reference][[*_PLACE, "value"]].rename(columns={"value": "joint"})
    compared = rows[rows["method"] != settings.reference].merge(joint, on=_PLACE)
    found = compared.assign(value=compared["joint"] - compared["value"])
    grouped = compared.groupby([*RUN, "seed"], sort=False)
    means = [(*key, intransigence(run["joint"], run["value"])) for key, run in grouped]
    columns = {
        "intransigence [%]": pd.DataFrame(means, columns=[*RUN, "seed", "value"]),
        "in the last step [%]": last_step(found),
    }
    return assemble(found, {name: percent(values) for name, values in columns.items()})
