"""Scores of an experiment: reading, choosing rows, mean and spread over seeds.

One row is one measured value of one run: ``dataset, protocol, method, label, budget, seed`` name the run, ``kind`` the
module of its method or study,
``step, test_set, task, class_name, metric, value, count`` the measurement. A value over all test images has
empty ``task`` and ``class_name``. ``step`` counts from 0.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path

import pandas as pd

from meshcil.config.claims import Term
from meshcil.config.experiment import SELECTABLE
from meshcil.core.errors import InputError
from meshcil.core.naming import available

RUN = ["dataset", "protocol", "method", "label", "budget"]
"""Columns that name a run, without its seed."""
COLUMNS = [*SELECTABLE, "value", "count"]
"""Columns of a scores file."""
SOURCES = "sources"
"""Column of chosen scores: the numbers of the rows of the scores file that a value was made from."""
_NUMBERS = {"seed": "int64", "step": "Int64", "value": "float64"}


def read_scores(path: Path) -> pd.DataFrame:
    """Read the collected scores of an experiment; names are text, an empty name is "".

    Raises InputError when the file is missing, is not CSV, or lacks a column.
    """
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
    except FileNotFoundError as error:
        raise InputError(path, "does not exist", "Run the `collect` stage of the experiment") from error
    except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise InputError(path, f"is not a readable CSV file ({error})", "Delete it and collect again") from error
    if "kind" not in frame.columns and "method" in frame.columns:
        # Older scores have no such column.
        frame = frame.assign(kind=frame["method"].map({name: kind_of(name) for name in frame["method"].unique()}))
    missing = [name for name in COLUMNS if name not in frame.columns]
    if missing:
        raise InputError(path, f"lacks the columns {', '.join(missing)}", "Delete it and collect again")
    try:
        return frame.assign(**{name: pd.to_numeric(frame[name]).astype(kind) for name, kind in _NUMBERS.items()})
    except ValueError as error:
        raise InputError(
            path, f"contains text where a number is expected ({error})", "Delete it and collect again"
        ) from error


def kind_of(method: str) -> str:
    """Kind of a method by its name, which begins with it; "" for a study."""
    kinds = [kind for kind in available("meshcil.methods") if f"{method}-".startswith(f"{kind}-")]
    return max(kinds, key=len, default="")


def keep(scores: pd.DataFrame, select: Mapping[str, Sequence[str | int]], where: str) -> pd.DataFrame:
    """Rows whose columns have one of the listed values, with `SOURCES`: each value is made from its own row.

    Args:
        scores: rows of a scores file, whose index counts them.
        select: column -> allowed values; compared as text.
        where: name of the table or figure, for the message.

    Raises:
        InputError: when a column is unknown.
    """
    for column, values in select.items():
        if column not in scores.columns:
            raise InputError(where, f"selects the unknown column `{column}`", f"Known: {', '.join(COLUMNS)}")
        scores = scores[scores[column].astype(str).isin([str(value) for value in values])]
    return scores.assign(**{SOURCES: pd.Series([(row,) for row in scores.index], scores.index, dtype=object)})


def joined(sources: Iterable[tuple[int, ...]]) -> tuple[int, ...]:
    """The `SOURCES` of a value that is made from several."""
    return tuple(dict.fromkeys(chain.from_iterable(sources)))


def less(rows: pd.DataFrame, others: pd.DataFrame, on: Sequence[str]) -> pd.DataFrame:
    """Differences, made from the sources of both: value less that of the one among ``others`` with the same names.

    Args:
        rows: with ``value`` and `SOURCES`; those without another are left out.
        others: rows to subtract, with ``value`` and `SOURCES`.
        on: names that both share.
    """
    pairs = rows.merge(others[[*on, "value", SOURCES]], on=list(on), suffixes=("", " of other"))
    sources = [joined(pair) for pair in zip(pairs[SOURCES], pairs[f"{SOURCES} of other"], strict=True)]
    pairs["value"] -= pairs["value of other"]
    pairs[SOURCES] = pd.Series(sources, pairs.index, dtype=object)
    return pairs[rows.columns]


def overall(scores: pd.DataFrame, *metrics: str) -> pd.DataFrame:
    """Rows with a value over all test images (no task, no class) of the given metrics."""
    chosen = (scores["task"] == "") & (scores["class_name"] == "") & scores["metric"].isin(metrics)
    return scores[chosen]


def last_step(scores: pd.DataFrame) -> pd.DataFrame:
    """Rows of the last step of each run."""
    final = scores.groupby([*RUN, "seed"])["step"].transform("max")
    return scores[scores["step"] == final]


def classes_seen(scores: pd.DataFrame) -> pd.DataFrame:
    """Number of classes seen by protocol and step: columns ``dataset, protocol, step, classes``.

    Counted from the values per class of the clean test set, seed by seed: each may have its own order of classes.
    """
    rows, keys = scores[(scores["class_name"] != "") & (scores["test_set"] == "clean")], ["dataset", "protocol", "step"]
    counts = rows.groupby([*keys, "seed"])["class_name"].nunique().groupby(keys).max()
    return counts.rename("classes").reset_index()


def over_seeds(rows: pd.DataFrame, *by: str) -> pd.DataFrame:
    """Mean, sample standard deviation (empty with one seed) and number of seeds of ``value``.

    Runs and ``by`` keep the order in which they first appear.

    Returns:
        Columns: the run's names, ``by``, ``mean``, ``std``, ``seeds``, `SOURCES`.
    """
    grouped = rows.dropna(subset="value").groupby([*RUN, *by], sort=False)
    found = grouped.agg(
        mean=("value", "mean"), std=("value", "std"), seeds=("seed", "nunique"), sources=(SOURCES, joined)
    )
    return found.reset_index()


def test_set_order(scores: pd.DataFrame, wanted: Sequence[str]) -> list[str]:
    """``wanted`` when given, else the test sets in order of appearance."""
    found = [name for name in scores["test_set"].unique() if name]
    return list(wanted) or found


def clean(scores: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Overall values of a metric on the clean test set, after every step it is known for."""
    rows = overall(scores, metric)
    return rows[rows["test_set"] == "clean"]


def needed(scores: pd.DataFrame, terms: Sequence[Term]) -> pd.DataFrame:
    """Rows that the terms of claims can speak of: most scores are of other metrics, or of single classes."""
    of_classes = {term.metric for term in terms if "class_name" in term.select}
    spoken_of = scores["metric"].isin({term.metric for term in terms})
    return scores[spoken_of & ((scores["class_name"] == "") | scores["metric"].isin(of_classes))]
