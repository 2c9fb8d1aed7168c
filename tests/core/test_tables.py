"""CSV as pandas writes it."""

import pandas as pd

from meshcil.core.tables import csv_text

ROWS = [
    {"step": 0, "phase": "train", "lr": 0.001, "loss": 1 / 3, "kept": True},
    {"step": 1, "phase": 'a "b", c', "lr": 1e-8, "extra": 2.0, "kept": False},
    {"step": 10, "phase": "", "lr": 123456.789, "loss": -0.0, "kept": True},
]


def test_the_text_is_that_of_pandas() -> None:
    assert csv_text(ROWS, digits=6) == pd.DataFrame(ROWS).to_csv(index=False, float_format="%.6g")
    assert csv_text(ROWS) == pd.DataFrame(ROWS).to_csv(index=False)
