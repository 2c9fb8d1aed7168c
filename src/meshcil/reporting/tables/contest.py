"""Which kind of method wins under each budget: more exemplars, more models, or a mesh model."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import pandas as pd
from pydantic import Field

from meshcil.config.base import Settings, validate
from meshcil.reporting.layout import percent, spread
from meshcil.reporting.scores import clean, over_seeds

_METRIC = {"average": "average_incremental_accuracy", "last": "last_accuracy"}


class Options(Settings):
    """Settings of this kind of table."""

    groups: dict[str, tuple[str, ...]] = Field({})
    """Heading -> methods that compete for it; the best of them by mean over seeds stands in the column."""
    accuracy: Literal["average", "last"] = "average"
    """What decides: average incremental accuracy, or accuracy after the last step."""


def build(scores: pd.DataFrame, options: Mapping[str, Any]) -> pd.DataFrame:
    """Rows: budgets, rising; `method` and `label` name the winner. Columns: the best of each group, in percent.

    `lead`: how far the winner is ahead of the best of the other groups; within the spread over seeds it means little.
    A group none of whose methods fits into the budget is blank.

    Raises:
        InputError: for an unknown option.
    """
    settings = validate(Options, dict(options), "options of a `contest` table")
    means = over_seeds(percent(clean(scores, _METRIC[settings.accuracy])))
    rows = []
    for budget in sorted(means["budget"].unique(), key=_amount):
        best = _best(means[means["budget"] == budget], settings.groups)
        if best:
            rows.append(_row(budget, best))
    columns = [
        name for group in settings.groups for name in (f"{group} [%]", spread(f"{group} [%]"), f"{group} method")
    ]
    return pd.DataFrame(rows, columns=["method", "label", "budget", "seeds", *columns, "lead [%]"])


def _amount(budget: str) -> int:
    tail = budget.rsplit("-", 1)[-1]
    return int(tail) if tail.isdigit() else 0


def _best(means: pd.DataFrame, groups: Mapping[str, tuple[str, ...]]) -> dict[str, pd.Series]:
    found = {}
    for group, methods in groups.items():
        rivals = means[means["method"].isin(methods)]
        if len(rivals):
            found[group] = rivals.loc[rivals["mean"].idxmax()]
    return found


def _row(budget: str, best: Mapping[str, pd.Series]) -> dict[str, Any]:
    order = sorted(best.values(), key=lambda row: -row["mean"])
    winner = order[0]
    row = {"method": winner["method"], "label": winner["label"], "budget": budget, "seeds": winner["seeds"]}
    for group, found in best.items():
        row |= {f"{group} [%]": found["mean"], spread(f"{group} [%]"): found["std"], f"{group} method": found["label"]}
    return row | ({"lead [%]": winner["mean"] - order[1]["mean"]} if len(order) > 1 else {})


def answers(table: pd.DataFrame) -> tuple[str, ...]:
    """A sentence per budget: who wins, by how much, and whether that is more than chance.

    Args:
        table: of `build`, as text.
    """
    groups = [name.removesuffix(" method") for name in table.columns if name.endswith(" method")]
    return tuple(_sentence(row, groups) for row in table.to_dict("records"))


def _sentence(row: Mapping[str, str], groups: Sequence[str]) -> str:
    held = {group: float(row[f"{group} [%]"]) for group in groups if row[f"{group} [%]"]}
    first, *others = sorted(held, key=lambda group: -held[group])
    amount = _amount(row["budget"])
    place = f"At {amount / 1e6:g} million bytes" if "bytes-" in row["budget"] else f"Under {row['budget']}"
    found = f"{place} {row[f'{first} method']} ({first}) is best: {held[first]:.1f} %"
    if not others:
        return f"{found}; nothing else fits."
    spreads = [float(row[spread(f"{group} [%]")] or "nan") for group in (first, others[0])]
    lead, chance = held[first] - held[others[0]], max(spreads)
    ahead = f"{found}, {lead:.1f} points above {row[f'{others[0]} method']} ({others[0]})"
    if math.isnan(chance):
        return f"{ahead}, in a single run."
    within = "more than" if lead > chance else "within"
    return f"{ahead}, {within} the spread over seeds ({chance:.1f})."
