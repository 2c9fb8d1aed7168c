"""Small tables as CSV without pandas, whose import takes longer than writing them."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any


def csv_text(rows: Sequence[Mapping[str, Any]], digits: int | None = None) -> str:
    """Text of a table as pandas would write it: columns in order of appearance, blanks where a row lacks one.

    Args:
        rows: values by column.
        digits: significant digits of floating numbers; None keeps them all.
    """
    names = list(dict.fromkeys(name for row in rows for name in row))
    stream = io.StringIO()
    writer = csv.DictWriter(stream, names, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _text(value, digits) for name, value in row.items()} for row in rows)
    return stream.getvalue()


def _text(value: Any, digits: int | None) -> Any:
    return f"{value:.{digits}g}" if digits is not None and isinstance(value, float) else value
