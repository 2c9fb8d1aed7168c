"""Accuracy after each step beside the bytes that are really held then."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from meshcil.config.base import Settings, validate
from meshcil.reporting.layout import assemble, mebibytes, percent
from meshcil.reporting.scores import clean, overall


class Options(Settings):
    """None: the table has one form."""


def build(scores: pd.DataFrame, options: Mapping[str, Any]) -> pd.DataFrame:
    """Rows: runs and steps. Columns: exemplars, MiB carried to the next step, MiB as MEMO counts, accuracy in percent.

    A budget that is met after the last step may be undercut before it: models that grow are small at first, and a
    class has only so many images (MEMO, section 5).

    Raises:
        InputError: for an unknown option.
    """
    validate(Options, dict(options), "options of a `held` table")
    columns = {
        "exemplars": overall(scores, "exemplars"),
        "carried [MiB]": mebibytes(overall(scores, "carry_bytes")),
        "paper [MiB]": mebibytes(overall(scores, "paper_bytes")),
        "accuracy [%]": percent(clean(scores, "accuracy")),
    }
    return assemble(overall(scores, "exemplars"), columns, "step")
