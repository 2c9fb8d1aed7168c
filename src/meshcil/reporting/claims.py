"""From scores to verdicts: which claims of the papers hold on which data."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import groupby
from operator import add
from types import MappingProxyType

import pandas as pd

from meshcil.config.claims import POINTS, Claim, ClaimsSettings, Term
from meshcil.evaluation.contrast import (
    FAILS,
    HOLDS,
    LEAST,
    OPEN,
    SAME,
    UNMEASURED,
    Interval,
    holm,
    pooled_intervals,
)
from meshcil.reporting.lookup import START, Lookup
from meshcil.reporting.scores import RUN, needed
from meshcil.reporting.table import row_keys

DATA = ["dataset", "protocol"]
DIFFERENCE = "difference"
"""Column of the measured contrast."""
COLUMNS = [
    "claim",
    "data",
    "rivals",
    "source",
    "url",
    "statement",
    "where",
    "published",
    DIFFERENCE,
    "low",
    "high",
    "unit",
    "seeds",
    "p",
    "bound",
    "verdict",
    "same_as",
]
_RUN = [*RUN, "seed"]
_IN_IMAGES = ("total-", "per-class-")


def claims_table(claims: Sequence[ClaimsSettings], scores: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """One row per claim and data it was measured on; a claim that was not measured has one row too.

    Args:
        claims: of all sources.
        scores: of all experiments; a run that several of them share counts once.

    Returns:
        Text columns `COLUMNS`: difference and interval with one or more decimals, blank where not measured; rivals: the
        methods of which a term takes the best one.
    """
    every, rows = [claim for block in claims for claim in block.claims], []
    together = Lookup(needed(joined(scores), [term for claim in every for term in claim.terms]))
    judged = iter(verdicts(every, together))
    for block in claims:
        for claim in block.claims:
            found = next(judged) or {"": Interval(float("nan"), float("nan"), float("nan"), 0)}
            compared = {} if "" in found else rivals(claim, together)
            for data, result in found.items():
                rows.append(_row(block, claim, data, result) | {"rivals": compared.get(data, "")})
    return pd.DataFrame(rows, columns=COLUMNS)


def joined(scores: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Scores of all experiments; a run that several of them share counts once."""
    measurement = [*_RUN, "step", "test_set", "task", "class_name", "metric"]
    return pd.concat(scores, ignore_index=True).drop_duplicates(measurement)


def judge(claim: Claim, scores: Lookup) -> dict[str, Interval]:
    """The contrast's interval for each dataset and protocol (and value of ``by``) where all terms were measured."""
    return verdicts([claim], scores)[0]


def verdicts(claims: Sequence[Claim], scores: Lookup) -> list[dict[str, Interval]]:
    """`judge` of each claim; those of the same form on the same data share the variance over seeds."""
    found: list[dict[str, Interval]] = [{} for _ in claims]
    families: dict[tuple, list[tuple[int, str, list[float], bool]]] = {}
    for place, claim in enumerate(claims):
        form = tuple((term.weight, term.metric, term.test_set, term.of) for term in claim.terms)
        for data, (values, telling) in _contrasts(claim, scores).items():
            families.setdefault((data, form), []).append((place, data, values, telling))
    for members in families.values():
        intervals = pooled_intervals([values for _, _, values, _ in members])
        for (place, data, _, telling), result in zip(members, intervals, strict=True):
            found[place][data] = replace(result, bound=claims[place].bound, telling=telling)
    return found


def _contrasts(claim: Claim, scores: Lookup) -> dict[str, tuple[list[float], bool]]:
    """Values of the contrast over seeds for each data, and whether both of its sides are above the claim's floor."""
    rows = _chosen_of_all(claim, scores)
    if not rows:
        return {}
    groups = _groups(claim)
    parts = [
        term.weight * measured(term, part, [*groups, "seed"]) for term, part in zip(claim.terms, rows, strict=True)
    ]
    values = reduce(add, parts).dropna()
    factor = 100.0 if claim.unit == POINTS else 1.0
    telling = _above_floor(claim, parts, groups)
    return {
        _name(key): ((factor * numbers).tolist(), key not in telling or telling[key])
        for key, numbers in values.groupby(level=groups, sort=False)
    }


def _groups(claim: Claim) -> list[str]:
    """Columns within which a claim is judged; networks that start from ImageNet are not compared with others."""
    return [*DATA, *claim.by, START]


def _name(key: tuple[object, ...]) -> str:
    return ", ".join(text for text in map(str, key) if text)


def _above_floor(claim: Claim, parts: Sequence[pd.Series], groups: Sequence[str]) -> dict[object, bool]:
    """For each data, whether the mean over seeds of either side is above the floor; nothing without a floor."""
    if claim.floor is None:
        return {}
    above = []
    for sign in (1, -1):
        side = [(t.weight, p) for t, p in zip(claim.terms, parts, strict=True) if sign * t.weight > 0]
        if side:
            mean = reduce(add, (part for _, part in side)) / sum(weight for weight, _ in side)
            above.append(mean.groupby(level=list(groups)).mean() > claim.floor)
    return pd.concat(above, axis=1).all(axis=1).to_dict()


def behind(claim: Claim, scores: Lookup) -> dict[str, pd.DataFrame]:
    """Rows of the scores that each interval of `judge` is computed from."""
    terms = _chosen_of_all(claim, scores)
    if not terms:
        return {}
    groups = pd.concat(terms).groupby(_groups(claim), sort=False)
    parts = {_name(key): scores.scores.loc[part.index.unique()] for key, part in groups}
    return {data: parts[data] for data in judge(claim, scores)}


def _chosen_of_all(claim: Claim, scores: Lookup) -> list[pd.DataFrame]:
    """Scores of each term; none where a term was not measured at all, which most claims are in most experiments."""
    found: list[pd.DataFrame] = []
    for term in claim.terms:
        found.append(scores.rows(term))
        if found[-1].empty:
            return []
    if "budget" not in claim.by:
        return found
    # At budgets counted in images, rivals that store none compete too.
    rivals = [term.over == "best" for term in claim.terms]
    named = {name for rows, is_rival in zip(found, rivals, strict=True) if not is_rival for name in rows["budget"]}
    images = sorted(name for name in named if name.startswith(_IN_IMAGES))
    free = [
        rows[rows["budget"] == "none"] if is_rival else rows[:0] for rows, is_rival in zip(found, rivals, strict=True)
    ]
    return [pd.concat([a, *(b.assign(budget=name) for name in images)]) for a, b in zip(found, free, strict=True)]


def rivals(claim: Claim, scores: Lookup) -> dict[str, str]:
    """Methods among which a term of the claim takes the best, for each data of `judge`: what "the best other" means."""
    found = _chosen_of_all(claim, scores)
    parts = [rows for term, rows in zip(claim.terms, found, strict=False) if term.over == "best"]
    if not parts:
        return {}
    groups = pd.concat(parts).groupby(_groups(claim), sort=False)["method"]
    return {_name(key): ", ".join(sorted(methods.unique())) for key, methods in groups}


def measured(term: Term, rows: pd.DataFrame, by: Sequence[str]) -> pd.Series:
    """Values of a term from its scores (`Lookup.rows`), one for each value of ``by``, whose last is the seed."""
    rows, keys = _shares(term, rows), list(by)
    return (
        _of_best_method(rows, keys) if term.over == "best" else rows.groupby(keys, sort=False)["value"].agg(term.over)
    )


def _shares(term: Term, rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of the term's test set, as shares of those of the set that it is measured by."""
    if term.of is None:
        return rows
    names = [*_RUN, "step"]
    whole = rows[rows["test_set"] == term.of].set_index(names)["value"]
    part = rows[rows["test_set"] == term.test_set]
    base = whole.reindex(pd.MultiIndex.from_frame(part[names])).to_numpy()
    return part.assign(value=(part["value"] - term.chance) / (base - term.chance)).dropna(subset="value")


def _of_best_method(rows: pd.DataFrame, by: list[str]) -> pd.Series:
    """Values of the method with the largest mean over seeds, among those that were measured with most seeds."""
    values = rows.groupby([*by, "method"], sort=False)["value"].mean()
    means = values.groupby(level=[*by[:-1], "method"], sort=False).agg(["count", "mean"])
    best: dict[tuple, tuple[tuple, str]] = {}
    for (*names, method), rank in zip(means.index, means.itertuples(index=False, name=None), strict=True):
        best[tuple(names)] = max(best.get(tuple(names), (rank, method)), (rank, method), key=lambda pair: pair[0])
    is_best = [best[tuple(names)][1] == method for *names, _, method in values.index]
    return values[is_best].droplevel("method")


def _row(block: ClaimsSettings, claim: Claim, data: str, result: Interval) -> dict[str, str]:
    return {
        "claim": claim.name,
        "data": data,
        "source": block.source,
        "url": block.url,
        "statement": claim.statement,
        "where": claim.where,
        "published": claim.published,
        "difference": _number(result.mean, claim.unit),
        "low": _number(result.low, claim.unit),
        "high": _number(result.high, claim.unit),
        "unit": claim.unit,
        "seeds": str(result.count) if result.count else "",
        "p": "" if pd.isna(result.p) else f"{result.p:.3g}",
        "bound": "" if claim.bound is None else f"{claim.bound:g}",
        "verdict": result.verdict,
        "same_as": claim.same_as or "",
    }


def _number(value: float, unit: str) -> str:
    if pd.isna(value):
        return ""
    return f"{value:+z.2f}" if unit == POINTS else f"{value:+z.4g}"


@dataclass(frozen=True)
class Judged:
    """One row of the table of claims; ``key`` is its name, ``origin`` where the page explains its difference.

    ``rivals`` are the methods of which the best is compared; ``unit`` is "" for percentage points; ``kept`` names the
    experiment of a verdict that was not made by the page's runs, and is "" for one that was. ``alone`` says that the
    verdict is no longer one when all claims of its source are tested together (Holm); ``same_as`` names the claim that
    rests on the same contrast, and counts.
    """

    key: str
    statement: str
    where: str
    published: str
    data: str
    rivals: str
    difference: str
    unit: str
    span: str
    seeds: str
    verdict: str
    origin: str = ""
    kept: str = ""
    bound: str = ""
    alone: bool = False
    same_as: str = ""

    @property
    def told(self) -> str:
        """The verdict in words."""
        if self.verdict == SAME:
            unit = self.unit or ("point" if self.bound == "1" else "points")
            return f"no difference larger than {self.bound} {unit}"
        return f"{self.verdict} (uncorrected)" if self.alone else self.verdict

    @property
    def compared(self) -> str:
        """What "the best other" means here."""
        return f"best of {self.rivals}" if "," in self.rivals else f"against {self.rivals}" if self.rivals else ""

    @property
    def mark(self) -> str:
        """Sign before the verdict, so that it is not told by colour alone."""
        return {HOLDS: "✓", FAILS: "✗", SAME: "≈", OPEN: "?"}.get(self.verdict, "–")

    @property
    def kind(self) -> str:
        """The verdict in one word."""
        return self.verdict.replace(" ", "-")


@dataclass(frozen=True)
class Source:
    """The claims of one paper: those that were measured, and the others."""

    name: str
    url: str
    measured: tuple[tuple[Judged, ...], ...]
    """One group per claim."""
    unmeasured: tuple[Judged, ...]


def sources_view(
    table: pd.DataFrame,
    anchors: Mapping[tuple[str, str], str] = MappingProxyType({}),
    kept: pd.DataFrame | None = None,
) -> tuple[Source, ...]:
    """Claims by paper.

    Args:
        table: of `claims_table`, read as text.
        anchors: (row, column) -> where the page says what a number is made from.
        kept: of `meshcil.reporting.kept.kept_claims`. A kept verdict stands below those of ``table`` on the same claim,
            unless ``table`` has one on the same data with as many seeds, or with enough to decide.
    """
    rows = table.assign(key=row_keys(table), kept="")
    if kept is not None:
        rows = _with_kept(rows, kept)
    found = []
    for (name, url), part in rows.groupby(["source", "url"], sort=False):
        alone = _alone(part)
        judged = [
            replace(_judged(row, anchors.get((row["key"], DIFFERENCE), "")), alone=bool(alone[i]))
            for i, (_, row) in enumerate(part.iterrows())
        ]
        measured = [row for row in judged if row.verdict != UNMEASURED]
        claims = tuple(tuple(group) for _, group in groupby(measured, lambda row: row.statement))
        found.append(Source(name, url, claims, tuple(row for row in judged if row.verdict == UNMEASURED)))
    return tuple(found)


def _alone(rows: pd.DataFrame) -> list[bool]:
    """Of the rows of one source, those whose verdict Holm's procedure over all that are counted does not confirm."""
    decided = rows["verdict"].isin([HOLDS, FAILS]).tolist()
    p = pd.to_numeric(rows["p"]).where(rows["same_as"] == "").tolist()
    tested = [i for i, value in enumerate(p) if not pd.isna(value)]
    confirmed = dict(zip(tested, holm([p[i] for i in tested]), strict=True))
    return [is_decided and not confirmed.get(i, True) for i, is_decided in enumerate(decided)]


def _with_kept(table: pd.DataFrame, kept: pd.DataFrame) -> pd.DataFrame:
    parts = []
    for name, own in table.groupby("claim", sort=False):
        here = {data: int(seeds or 0) for data, seeds in zip(own["data"], own["seeds"], strict=True)}
        told = kept[kept["claim"] == name]
        more = [here.get(row["data"], 0) < min(LEAST, int(row["seeds"])) for _, row in told.iterrows()]
        told = told[pd.Series(more, told.index, dtype=bool)]
        measured = own[own["verdict"] != UNMEASURED] if len(told) else own
        parts += [measured, told.assign(key="", kept=told["experiment"])]
    return pd.concat(parts, ignore_index=True) if parts else table


def _judged(row: pd.Series, origin: str) -> Judged:
    span = f"{row['low']} to {row['high']}" if row["low"] else ""
    texts = [str(row[name]) for name in ("statement", "where", "published", "data", "rivals", "difference")]
    unit = "" if row["unit"] == POINTS else str(row["unit"])
    return Judged(
        str(row["key"]),
        *texts,
        unit,
        span,
        str(row["seeds"]),
        str(row["verdict"]),
        origin,
        str(row["kept"]),
        bound=str(row["bound"]),
        same_as=str(row["same_as"]),
    )


def counts(sources: Sequence[Source]) -> dict[str, int]:
    """Rows by verdict, in the order of certainty; verdicts that do not occur are left out."""
    return _verdicts(row for source in sources for group in (*source.measured, source.unmeasured) for row in group)


def counts_apart(sources: Sequence[Source]) -> dict[str, dict[str, int]]:
    """Rows by verdict: those that the page's runs made, those that are kept, and claims with neither."""
    rows = [row for source in sources for group in source.measured for row in group]
    return {
        "this page": _verdicts(row for row in rows if not row.kept),
        "kept": _verdicts(row for row in rows if row.kept),
        "neither": _verdicts(row for source in sources for row in source.unmeasured),
    }


def _verdicts(rows: Iterable[Judged]) -> dict[str, int]:
    told = [row.verdict for row in rows if not row.same_as]
    found = {name: told.count(name) for name in (HOLDS, FAILS, SAME, OPEN, UNMEASURED)}
    return {name: count for name, count in found.items() if count}
