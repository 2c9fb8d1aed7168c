"""A table of the report for a paper: the cells of its CSV as LaTeX, with the rules of the package booktabs."""

import re

import pandas as pd

from meshcil.reporting.layout import as_text, number_columns, quantity, shown_unit, spread, unit

_SPECIAL = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
_SPECIAL |= {character: "\\" + character for character in "&%$#_{}"}
_PATTERN = re.compile("|".join(map(re.escape, _SPECIAL)))
_DIRECTLY = {"±": r"$\pm$", "π": r"$\pi$", "°": r"$^\circ$", "\u202f": r"\,", "–": "--"}


def to_latex(table: pd.DataFrame) -> str:
    """LaTeX text of a table; a spread over seeds joins its value, what was not measured is a dash.

    Args:
        table: as it is written to CSV.
    """
    texts = as_text(table)
    numbers = set(number_columns(table))
    spreads = {spread(name) for name in texts.columns} & set(texts.columns)
    columns = [name for name in texts.columns if name not in spreads]
    heads = [f"{quantity(name)} [{shown_unit(name)}]" if unit(name) else name for name in columns]
    lines = [
        rf"\begin{{tabular}}{{{''.join('r' if name in numbers else 'l' for name in columns)}}}",
        r"\toprule",
        f"{' & '.join(map(escape, heads))} \\\\",
        r"\midrule",
    ]
    for _, row in texts.iterrows():
        cells = []
        for name in columns:
            deviation = row.get(spread(name), "")
            cells.append(escape(f"{row[name]} ± {deviation}" if deviation else row[name] or "–"))
        lines.append(f"{' & '.join(cells)} \\\\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])


def escape(text: str) -> str:
    """Text in which LaTeX finds no command."""
    escaped = _PATTERN.sub(lambda found: _SPECIAL[found.group()], text)
    for character, command in _DIRECTLY.items():
        escaped = escaped.replace(character, command)
    return escaped
