"""A table of the report for a paper: the cells of its CSV as LaTeX, with the rules of the package booktabs."""

import re

from meshcil.reporting.table import SPREAD, VALUE, Table

_SPECIAL = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
_SPECIAL |= {character: "\\" + character for character in "&%$#_{}"}
_PATTERN = re.compile("|".join(map(re.escape, _SPECIAL)))
_DIRECTLY = {"±": r"$\pm$", "π": r"$\pi$", "°": r"$^\circ$", "\u202f": r"\,", "–": "--"}
_COUNTS = ("exemplars", "seeds")


def to_latex(table: Table) -> str:
    """LaTeX text of a table; a spread over seeds joins its value, what was not measured is a dash."""
    texts = table.texts()
    columns = [part for part in table.parts() if part.kind != SPREAD]
    spreads = {part.name: texts[part.heading] for part in table.parts() if part.kind == SPREAD}
    lines = [
        rf"\begin{{tabular}}{{{''.join('r' if part.unit or part.name in _COUNTS else 'l' for part in columns)}}}",
        r"\toprule",
        f"{' & '.join(escape(part.head) for part in columns)} \\\\",
        r"\midrule",
    ]
    for row in texts.index:
        cells = []
        for part in columns:
            text = texts.at[row, part.heading]
            deviation = spreads[part.name][row] if part.kind == VALUE and part.name in spreads else ""
            cells.append(escape(f"{text} ± {deviation}" if deviation else text or "–"))
        lines.append(f"{' & '.join(cells)} \\\\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])


def escape(text: str) -> str:
    """Text in which LaTeX finds no command."""
    escaped = _PATTERN.sub(lambda found: _SPECIAL[found.group()], text)
    for character, command in _DIRECTLY.items():
        escaped = escaped.replace(character, command)
    return escaped
