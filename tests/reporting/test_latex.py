"""Tables for papers: every cell, escaped, spreads beside their values."""

import pandas as pd

from meshcil.reporting.table import from_texts


def test_cells_are_those_of_the_csv() -> None:
    table = pd.DataFrame(
        {
            "method": ["a_b & c"],
            "label": ["50 %"],
            "seeds": ["3"],
            "last [%]": ["12.50"],
            "last std [%]": ["1.00"],
            "L1 [%]": [""],
        }
    )
    lines = from_texts(table).latex().splitlines()
    assert lines[0] == r"\begin{tabular}{llrrr}"
    assert lines[2] == r"method & label & seeds & last [\%] & L1 [\%] \\"
    assert lines[4] == r"a\_b \& c & 50 \% & 3 & 12.50 $\pm$ 1.00 & -- \\"
    assert lines[-1] == r"\end{tabular}"
