"""A page for each method: paper, formula, settings, bytes held and results; and the README's table of methods.

Facts that no setting knows stand in `docs/methods.yaml`; all else is read from the configuration and kept results.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from meshcil.config.base import Settings, read_mapping, validate
from meshcil.config.run import load_method
from meshcil.config.variants import method_names
from meshcil.core.errors import InputError
from meshcil.reporting.kept import Kept
from meshcil.reporting.markdown import cell, words
from meshcil.reporting.page import flat_settings
from meshcil.reporting.scores import last_step, overall

TOOLBOXES = ("PyCIL", "FACIL", "mammoth")
_SHOWN = {
    "average_incremental_accuracy": "average [%]",
    "last_accuracy": "last [%]",
    "forgetting_before_last": "forgetting [%]",
}
_BYTES = {"deploy_bytes": "to predict", "carry_bytes": "kept between steps", "peak_bytes": "in training"}


class MethodFacts(Settings):
    """What `docs/methods.yaml` says of a kind of method."""

    paper: str
    """As it is cited."""
    url: str = ""
    """Where to read it."""
    formula: str
    """What is minimised or computed, as text."""
    elsewhere: dict[str, str] = {}
    """Toolbox -> its name there."""
    note: str = ""
    """What may mislead."""


def read_facts(path: Path, config: Path) -> dict[str, MethodFacts]:
    """Facts of all kinds, in their order. Raises InputError when a kind lacks facts, or facts belong to none."""
    found = {str(kind): validate(MethodFacts, facts, path) for kind, facts in read_mapping(path).items()}
    kinds = {file.stem for file in (config / "methods").glob("*.yaml")}
    if wrong := sorted(kinds ^ found.keys()):
        raise InputError(path, f"and config/methods do not have the same methods: {', '.join(wrong)}", "Add what lacks")
    return found


def method_table(facts: Mapping[str, MethodFacts], config: Path) -> str:
    """Markdown table of all methods with links, for a page in the repository's root."""
    lines = ["| method | what it does | paper |", "|---|---|---|"]
    for kind, known in facts.items():
        settings = load_method(kind, config)
        paper = f"[{known.paper.split(',')[0]}, {known.paper.rpartition(', ')[2]}]({known.url})" if known.url else "–"
        name = f"[{words(settings.label)}](config/methods/{kind}.yaml)"
        code = f"([code](src/meshcil/methods/{kind.replace('-', '_')}.py))"
        lines.append(f"| {name} | {_cell(settings.description)} {code} | {paper} |")
    return "\n".join(lines)


def method_page(kind: str, facts: MethodFacts, config: Path, kept: Sequence[Kept]) -> str:
    """Markdown of the page of a kind, for the folder `methods` of the site."""
    settings = load_method(kind, config)
    variants = [name for name in method_names(config) if name.startswith(f"{kind}-")]
    paper = f"[{facts.paper}]({facts.url})" if facts.url else facts.paper.capitalize()
    names = [f"{toolbox}: `{facts.elsewhere[toolbox]}`" for toolbox in TOOLBOXES if toolbox in facts.elsewhere]
    formula = "".join(f"    {line}\n" for line in facts.formula.splitlines())
    values = flat_settings(settings.model_dump(mode="json"))
    rows = "\n".join(f"| `{name}` | {_cell(text)} |" for name, text in values if name not in ("label", "description"))
    parts = [
        f"# {words(settings.label)}",
        words(settings.description),
        f"**Paper.** {paper}.",
        f"**Formula.**\n\n{formula}",
    ]
    parts += [f"**Elsewhere.** {', '.join(names)}. {facts.note}".strip()] if names or facts.note else []
    parts += ["## Results", _results(kind, kept), f"## Settings\n\n| setting of `{kind}` | value |\n|---|---|\n{rows}"]
    parts += [f"Variants in `config/methods/{kind}.yaml`: {', '.join(f'`{name}`' for name in variants) or 'none'}."]
    return "\n\n".join(parts) + "\n"


def _results(kind: str, kept: Sequence[Kept]) -> str:
    lines = [
        "| experiment | data | method | budget | seeds | " + " | ".join([*_SHOWN.values(), *_BYTES.values()]) + " |"
    ]
    lines.append("|---|---|---|---|" + "---:|" * (1 + len(_SHOWN) + len(_BYTES)))
    for one in kept:
        scores = overall(last_step(one.scores), *_SHOWN, *_BYTES)
        rows = scores[(scores["kind"] == kind) & scores["test_set"].isin(["clean", ""])]
        for run, group in rows.groupby(["dataset", "protocol", "method", "budget"], sort=False):
            dataset, protocol, method, budget = map(str, run)
            cells = [_percent(group, metric) for metric in _SHOWN] + [_mebibytes(group, metric) for metric in _BYTES]
            if any(cells[: len(_SHOWN)]):
                link = f"[{one.name}](../results/{one.name}.md)"
                names = [link, f"{dataset}, {protocol}", f"`{method}`", f"`{budget}`", str(group["seed"].nunique())]
                lines.append(f"| {' | '.join([*names, *cells])} |")
    if len(lines) == 2:
        return "Nothing is kept of it yet."
    return "\n".join([*lines, "", "Means over seeds, after the last step, on the clean test set; bytes in MiB."])


def _percent(rows: pd.DataFrame, metric: str) -> str:
    values = rows.loc[rows["metric"] == metric, "value"].dropna()
    return f"{100 * values.mean():z.2f}" if len(values) else ""


def _mebibytes(rows: pd.DataFrame, metric: str) -> str:
    values = rows.loc[rows["metric"] == metric, "value"].dropna()
    return f"{values.mean() / 2**20:.2f}" if len(values) else ""


def _cell(value: Any) -> str:
    return cell(str(value))


def elsewhere_table(facts: Mapping[str, MethodFacts]) -> str:
    """Markdown table of what other toolboxes call each method."""
    lines = [f"| here | {' | '.join(TOOLBOXES)} |", "|---|" + "---|" * len(TOOLBOXES)]
    for kind, known in facts.items():
        names = [f"`{known.elsewhere[box]}`" if box in known.elsewhere else "–" for box in TOOLBOXES]
        lines.append(f"| `{kind}` | {' | '.join(names)} |")
    return "\n".join(lines)
