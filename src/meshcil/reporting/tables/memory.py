"""Bytes held after each step, by ledger."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from meshcil.config.base import Settings, validate
from meshcil.reporting.layout import assemble
from meshcil.reporting.scores import overall

LEDGERS = ("paper", "deploy", "carry", "peak")


class Options(Settings):
    """None: the table has one form."""


def build(scores: pd.DataFrame, options: Mapping[str, Any]) -> pd.DataFrame:
    """Rows: runs and steps. Columns: exemplars, and bytes by ledger.

    Ledgers: `paper` counts extractor parameters and exemplar pixels only (MEMO's rule); `deploy` what prediction needs;
    `carry` what is kept until the next step; `peak` what training holds, without activations.

    Raises:
        InputError: for an unknown option.
    """
    validate(Options, dict(options), "options of a `memory` table")
    columns = {"exemplars": overall(scores, "exemplars")}
    columns |= {f"{ledger} [bytes]": overall(scores, f"{ledger}_bytes") for ledger in LEDGERS}
    rows = overall(scores, "exemplars", *(f"{ledger}_bytes" for ledger in LEDGERS))
    return assemble(rows, columns, "step")
