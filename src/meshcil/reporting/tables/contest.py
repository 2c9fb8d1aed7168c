"""Which kind of method wins under each budget: more exemplars, more models, or a mesh model."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import pandas as pd
from pydantic import Field

from meshcil.config.base import Settings, validate
from meshcil.evaluation.contrast import HOLDS, LEAST, interval_of
from meshcil.reporting.layout import percent, spread
from meshcil.reporting.scores import RUN, clean, over_seeds

LEAD = "lead [%]"

_METRIC = {"average": "average_incremental_accuracy", "last": "last_accuracy"}


class Options(Settings):
    """Settings of this kind of table."""

    groups: dict[str, tuple[str, ...]] = Field({})
    """Heading -> methods that compete for it; the best of them by mean over seeds stands in the column."""
    accuracy: Literal["average", "last"] = "average"
    """What decides: average incremental accuracy, or accuracy after the last step."""


def build(scores: pd.DataFrame, options: Mapping[str, Any]) -> pd.DataFrame:
    """Rows: budgets, rising; `method` and `label` name the winner. Columns: the best of each group, in percent.

    `lead`: the winner less the best of the other groups, seed by seed; its spread is that of the differences. A group
    none of whose methods fits into the budget is blank.

    Raises:
        InputError: for an unknown option.
    """
    settings = validate(Options, dict(options), "options of a `contest` table")
    values = percent(clean(scores, _METRIC[settings.accuracy]))
    means, rows = over_seeds(values), []
    for budget in sorted(means["budget"].unique(), key=_amount):
        best = _best(means[means["budget"] == budget], settings.groups)
        if best:
            rows.append(_row(budget, best, values))
    columns = [
        name for group in settings.groups for name in (f"{group} [%]", spread(f"{group} [%]"), f"{group} method")
    ]
    return pd.DataFrame(rows, columns=["method", "label", "budget", "seeds", *columns, LEAD, spread(LEAD)])


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


def _row(budget: str, best: Mapping[str, pd.Series], values: pd.DataFrame) -> dict[str, Any]:
    order = sorted(best.values(), key=lambda row: -row["mean"])
    winner = order[0]
    row = {"method": winner["method"], "label": winner["label"], "budget": budget, "seeds": winner["seeds"]}
    for group, found in best.items():
        row |= {f"{group} [%]": found["mean"], spread(f"{group} [%]"): found["std"], f"{group} method": found["label"]}
    if len(order) > 1:
        lead = _by_seed(values, winner) - _by_seed(values, order[1])
        row |= {LEAD: lead.mean(), spread(LEAD): lead.std()}
    return row


def _by_seed(values: pd.DataFrame, run: pd.Series) -> pd.Series:
    return values[(values[RUN] == run[RUN]).all(axis=1)].groupby("seed")["value"].mean()


def answers(table: pd.DataFrame) -> tuple[str, ...]:
    """A sentence per budget: who wins, by how much, and whether the lead's 95 % interval over seeds leaves out zero.

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
    lead, count = float(row[LEAD]), int(row["seeds"])
    ahead = f"{found}, {lead:.1f} points above {row[f'{others[0]} method']} ({others[0]})"
    if count < LEAST:
        return f"{ahead}, in too few seeds to decide."
    judged = interval_of(lead, float(row[spread(LEAD)]), count)
    told = "" if judged.verdict == HOLDS else "; they are not to be told apart"
    return f"{ahead} (95 % interval {judged.low:+z.1f} to {judged.high:+z.1f}){told}."
