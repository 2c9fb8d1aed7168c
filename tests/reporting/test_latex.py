"""Tables for papers: every cell, escaped, spreads beside their values."""

import pandas as pd

from meshcil.reporting.latex import to_latex


def test_cells_are_those_of_the_csv() -> None:
    table = pd.DataFrame(
        {
            "method": ["a_b & c"],
            "label": ["50 %"],
            "seeds": [3],
            "last [%]": [12.5],
            "last std [%]": [1.0],
            "L1 [%]": [None],
        }
    )
    lines = to_latex(table).splitlines()
    assert lines[0] == r"\begin{tabular}{llrrr}"
    assert lines[2] == r"method & label & seeds & last [\%] & L1 [\%] \\"
    assert lines[4] == r"a\_b \& c & 50 \% & 3 & 12.50 $\pm$ 1.00 & -- \\"
    assert lines[-1] == r"\end{tabular}"
