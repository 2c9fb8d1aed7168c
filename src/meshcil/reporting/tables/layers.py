"""Block by block: gradients, shifts of parameters, likeness between steps (MEMO, section 4.3)."""

import pandas as pd

from meshcil.reporting.table import Column, Table, assemble

COLUMNS = {
    "gradient norm": "gradient",
    "gradient norm per root of parameters": "gradient_per_root",
    "shift": "shift",
    "norm of change": "shift_norm",
    "shift after the first epoch": "shift_after_first_epoch",
    "CKA of maps": "cka_map_biased",
    "CKA of maps, fresh weights": "cka_map_biased_fresh",
    "CKA of maps, unbiased": "cka_map_unbiased",
    "CKA of maps, unbiased, fresh weights": "cka_map_unbiased_fresh",
    "CKA of pooled maps": "cka_pooled_biased",
    "CKA of pooled maps, fresh weights": "cka_pooled_biased_fresh",
    "CKA of pooled maps, unbiased": "cka_pooled_unbiased",
    "CKA of pooled maps, unbiased, fresh weights": "cka_pooled_unbiased_fresh",
}


def build(scores: pd.DataFrame) -> Table:
    """Rows: blocks, counted from the image. Columns: means over seeds and over all steps but the first.

    `shift`: mean squared change of the block's parameters in a step. `norm of change`: of all of them together. `CKA`:
    likeness of the networks of two steps, mean over pairs; the biased estimate is pushed towards 1 where a map has more
    entries than there are images. `fresh weights`: the control, where a network does not begin as a copy of the one
    before.
    """
    rows = later_steps(scores)
    columns = {title: Column(rows[rows["metric"] == metric]) for title, metric in COLUMNS.items()}
    return assemble(rows, columns, "block")


def later_steps(scores: pd.DataFrame) -> pd.DataFrame:
    """Rows that the table is made from, with the further column ``block``: all steps but the first."""
    # The first step begins from random weights and moves everything (MEMO, section 4.3).
    rows = scores[scores["metric"].isin(COLUMNS.values()) & (scores["step"].astype(int) > 0)]
    return rows.assign(block=rows["class_name"])
