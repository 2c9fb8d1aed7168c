"""Which kind of method wins under each budget: more exemplars, more models, or a mesh model."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from meshcil.config.tables.contest import Options
from meshcil.evaluation.contrast import HOLDS, LEAST, interval_of
from meshcil.reporting.scores import RUN, SOURCES, clean, joined, over_seeds, overall
from meshcil.reporting.table import Table, percent

LEAD = "lead"

_NONE = "none"
"""Budget of methods that keep no exemplars."""
_METRIC = {"average": "average_incremental_accuracy", "last": "last_accuracy"}


def build(scores: pd.DataFrame, options: Options) -> Table:
    """Rows: budgets, rising; `method` and `label` name the winner. Columns: the best of each group, in percent.

    A run without exemplars stands at every budget that holds what it carries.

    `lead`: the winner less the best of the other groups, seed by seed; its spread is that of the differences. A group
    none of whose methods fits into the budget is blank.
    """
    scored = percent(clean(scores, _METRIC[options.accuracy])).rows
    means, rows = over_seeds(scored), []
    carried = overall(scores, "carry_bytes").groupby("method")["value"].max()
    free, means = means[means["budget"] == _NONE], means[means["budget"] != _NONE]
    for budget in sorted(means["budget"].unique(), key=_amount):
        fitting = free[free["method"].map(carried) <= _amount(budget)]
        rivals = pd.concat([means[means["budget"] == budget], fitting])
        groups = {group: rivals[rivals["method"].isin(methods)] for group, methods in options.groups.items()}
        groups = {group: members for group, members in groups.items() if len(members)}
        if groups:
            rows.append(_row(budget, groups, scored))
    measured = [*options.groups, LEAD]
    values = [name for group in options.groups for name in (group, f"{group} method")]
    columns = (["method", "label", "budget", "seeds"], [*values, LEAD], measured, measured)
    frames = [pd.DataFrame([row[i] for row in rows], columns=names) for i, names in enumerate(columns)]
    return Table(frames[0], frames[1], dict.fromkeys(measured, "%"), frames[2], sources=frames[3])


def _amount(budget: str) -> int:
    tail = budget.rsplit("-", 1)[-1]
    return int(tail) if tail.isdigit() else 0


def _row(budget: str, groups: Mapping[str, pd.DataFrame], scored: pd.DataFrame) -> tuple[dict[str, Any], ...]:
    """Names, values, spreads and sources of a row."""
    best = {group: rivals.loc[rivals["mean"].idxmax()] for group, rivals in groups.items()}
    sources = {group: found[SOURCES] for group, found in best.items()}
    order = sorted(best, key=lambda group: -best[group]["mean"])
    winner = best[order[0]]
    names = {"method": winner["method"], "label": winner["label"], "budget": budget, "seeds": winner["seeds"]}
    values = {group: found["mean"] for group, found in best.items()}
    values |= {f"{group} method": found["label"] for group, found in best.items()}
    spreads = {group: found["std"] for group, found in best.items()}
    if len(order) > 1:
        lead = _by_seed(scored, winner) - _by_seed(scored, best[order[1]])
        values[LEAD], spreads[LEAD] = lead.mean(), lead.std()
        sources[LEAD] = joined(sources[group] for group in order[:2])
    return names, values, spreads, sources


def _by_seed(values: pd.DataFrame, run: pd.Series) -> pd.Series:
    return values[(values[RUN] == run[RUN]).all(axis=1)].groupby("seed")["value"].mean()


def answers(table: Table) -> list[str]:
    """A sentence per budget: who wins, by how much, and whether the lead's 95 % interval over seeds leaves out zero.

    Args:
        table: as read from its file.
    """
    groups = [name for name in table.values.columns if table.units.get(name) and name != LEAD]
    return [
        _sentence(names, table.values.loc[row], table.spreads.at[row, LEAD], groups)
        for row, names in table.names.iterrows()
    ]


def _sentence(names: pd.Series, values: pd.Series, deviation: str, groups: Sequence[str]) -> str:
    held = {group: float(values[group]) for group in groups if values[group]}
    first, *others = sorted(held, key=lambda group: -held[group])
    amount, budget = _amount(names["budget"]), names["budget"]
    place = f"At {amount / 1e6:g} million bytes" if "bytes-" in budget else f"Under {budget}"
    found = f"{place} {values[f'{first} method']} ({first}) is best: {held[first]:.1f} %"
    if not others:
        return f"{found}; nothing else fits."
    lead, count = float(values[LEAD]), int(names["seeds"])
    ahead = f"{found}, {lead:.1f} points above {values[f'{others[0]} method']} ({others[0]})"
    if count < LEAST:
        return f"{ahead}, in too few seeds to decide."
    judged = interval_of(lead, float(deviation), count)
    told = "" if judged.verdict == HOLDS else "; they are not to be told apart"
    return f"{ahead} (95 % interval {judged.low:+z.1f} to {judged.high:+z.1f}){told}."
