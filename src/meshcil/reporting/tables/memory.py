"""Bytes held after each step, by ledger."""

import pandas as pd

from meshcil.memory.ledger import COUNTS
from meshcil.reporting.scores import overall
from meshcil.reporting.table import Column, Table, assemble


def build(scores: pd.DataFrame) -> Table:
    """Rows: runs and steps. Columns: exemplars, and bytes by ledger.

    Ledgers: `paper` counts extractor parameters and exemplar pixels only (MEMO's rule); `deploy` what prediction needs;
    `carry` what is kept until the next step; `peak` what training holds, without activations.
    """
    columns = {"exemplars": Column(overall(scores, "exemplars"))}
    columns |= {ledger: Column(overall(scores, f"{ledger}_bytes"), "bytes") for ledger in COUNTS}
    rows = overall(scores, "exemplars", *(f"{ledger}_bytes" for ledger in COUNTS))
    return assemble(rows, columns, "step")
