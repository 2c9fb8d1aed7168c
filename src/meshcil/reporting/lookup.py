"""Rows of scores by what terms of claims ask for: many terms, without going through all scores for each."""

from collections.abc import Iterable
from fnmatch import fnmatchcase

import numpy
import pandas as pd
from jaxtyping import Bool, Int

from meshcil.config.claims import Term
from meshcil.reporting.scores import RUN

START = "start"
"""Column of rows: what the network started from."""
_PRETRAINED = "from ImageNet"


class Lookup:
    """Scores, and where each name stands in them.

    Args:
        scores: rows as `meshcil.reporting.scores.read_scores` gives them; further columns are kept.
    """

    def __init__(self, scores: pd.DataFrame) -> None:
        self.scores = scores
        texts = [*RUN, "test_set"]
        # Python's own texts: Arrow's take longer for the few rows of a term.
        self._told = scores[[*texts, "seed", "step", "value"]].astype(dict.fromkeys(texts, object))
        self._told[START] = numpy.where(self._told["method"].str.contains("-pretrained"), _PRETRAINED, "")
        self._places = scores.groupby(["metric", "test_set"], sort=False).indices
        self._runs = scores.groupby(RUN, sort=False).ngroup().to_numpy()
        self._steps = pd.to_numeric(scores["step"]).to_numpy(dtype="float64", na_value=numpy.nan)
        self._is_measured = scores["value"].notna().to_numpy()
        self._names: dict[str, tuple[Int[numpy.ndarray, " N"], list[str]]] = {}
        self._meant: dict[tuple[str, tuple[object, ...]], Bool[numpy.ndarray, " N"]] = {}

    def rows(self, term: Term) -> pd.DataFrame:
        """Measured scores that a term is computed from, in their order: runs, test sets, steps, values, start."""
        sets = [term.test_set, *([] if term.of is None else [term.of])]
        found = [self._places[term.metric, name] for name in sets if (term.metric, name) in self._places]
        places = numpy.sort(numpy.concatenate(found)) if found else numpy.zeros(0, dtype="int64")
        for column, patterns in ({"task": ("",), "class_name": ("",)} | term.select).items():
            places = places[self._means(column, patterns, places)]
        for column, patterns in term.exclude.items():
            places = places[~self._means(column, patterns, places)]
        if "step" not in term.select:
            last = numpy.full(len(self.scores), -numpy.inf)
            numpy.fmax.at(last, self._runs[places], self._steps[places])
            places = places[self._steps[places] == last[self._runs[places]]]
        places = places[self._is_measured[places]]
        return self._told.iloc[places] if len(places) else self._told[:0]

    def _means(
        self, column: str, patterns: tuple[object, ...], places: Int[numpy.ndarray, " P"]
    ) -> Bool[numpy.ndarray, " P"]:
        """Whether the names at some places are among those that the patterns of a selection mean."""
        if not len(places):
            return numpy.zeros(0, dtype=bool)
        if column not in self._names:
            codes, names = pd.factorize(self.scores[column].astype(str))
            self._names[column] = codes, list(names)
        codes, names = self._names[column]
        if (column, patterns) not in self._meant:
            meant = set(matching(names, patterns))
            # The last one is for code -1, which stands for no name.
            self._meant[column, patterns] = numpy.array([*(name in meant for name in names), False])
        return self._meant[column, patterns][codes[places]]


def matching(values: Iterable[object], patterns: Iterable[object]) -> list[str]:
    """Values, as text, that one of the patterns of a selection means; pattern by pattern, sorted within each."""
    texts = sorted(map(str, values))
    found = [text for pattern in patterns for text in texts if fnmatchcase(text, str(pattern))]
    return list(dict.fromkeys(found))
