"""Collect what the report shows from the files that the other stages wrote."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from meshcil.config.experiment import ExperimentSettings, run_keys
from meshcil.config.run import RunKey
from meshcil.core.artifacts import read_json
from meshcil.core.errors import InputError
from meshcil.lineage.files import record_in, record_path
from meshcil.lineage.reading import Records, walk
from meshcil.lineage.schema import Record
from meshcil.reporting.cells import table_view
from meshcil.reporting.claims import sources_view
from meshcil.reporting.facts import Fact, duration, extent, facts, runtime, total_seconds
from meshcil.reporting.html import inline_svg
from meshcil.reporting.page import (
    DatasetView,
    Report,
    RunView,
    SettingsView,
    experiment_view,
    flat_settings,
)
from meshcil.reporting.palette import CSS_VARIABLES, looks
from meshcil.reporting.provenance import CLAIMS, provenance
from meshcil.reporting.table import from_texts, read_table, read_texts

_REDRAW = "Delete it and draw it again"


@dataclass(frozen=True)
class Places:
    """Where the files are.

    Attributes:
        reports: folder of the page, with `tables` and `figures`.
        runs: folder of the runs, `results/runs`.
        experiments: folder of the collected scores, `results/experiments`.
        data: folder with `raw` and `prepared`.
    """

    reports: Path
    runs: Path
    experiments: Path
    data: Path

    def table(self, name: str) -> Path:
        """CSV file of a table."""
        return self.reports / "tables" / f"{name}.csv"

    def figure(self, name: str) -> Path:
        """SVG file of a figure."""
        return self.reports / "figures" / f"{name}.svg"

    def sheet(self, dataset: str) -> Path:
        """SVG file of a dataset's contact sheet."""
        return self.figure(f"contact-sheet-{dataset}")


def keys(experiments: Mapping[str, ExperimentSettings]) -> list[RunKey]:
    """Runs of all experiments, each once."""
    return list(dict.fromkeys(key for settings in experiments.values() for key in run_keys(settings)))


def sources(experiments: Mapping[str, ExperimentSettings], places: Places) -> list[Path]:
    """Files that the page is made from, without records; only those that exist."""
    found = [places.table("claims")]
    found += [places.table(t.name) for settings in experiments.values() for t in settings.tables]
    found += [places.figure(f.name) for settings in experiments.values() for f in settings.figures]
    runs = keys(experiments)
    found += [places.sheet(name) for name in dict.fromkeys(key.dataset for key in runs)]
    found += [places.runs / key.path / "run.json" for key in runs]
    found += [places.experiments / f"{name}.csv" for name in experiments]
    return [path for path in found if path.is_file()]


def record_files(experiments: Mapping[str, ExperimentSettings], places: Places) -> dict[Path, Record]:
    """Records of the jobs behind the page, by path, which its facts and run times are taken from.

    A folder may also hold records of steps or test sets that the settings asked for once: those lead nowhere.

    Raises InputError when one is not a record.
    """
    start = [path for name, settings in experiments.items() for path in _last_records(name, settings, places)]
    start += _claims(places)
    records = Records()
    return {path: records[path] for path in sorted(walk(records, start))}


def _claims(places: Places) -> list[Path]:
    """Record of the verdicts on claims, if there are any."""
    return [path for path in [record_path("claims", places.table("claims"))] if path.is_file()]


def _last_records(name: str, settings: ExperimentSettings, places: Places) -> list[Path]:
    """Records of the jobs of one experiment that no other of them rests on, and of its runs; those that exist."""
    runs = keys({name: settings})
    found = [record_in(places.runs / key.path, stage) for key in runs for stage in ("resolve", "score")]
    found += [
        record_path("contact_sheet", places.sheet(dataset), dataset)
        for dataset in dict.fromkeys(key.dataset for key in runs)
    ]
    found += [record_in(places.experiments, "collect", name)]
    found += [record_path("table", places.table(table.name), table.name) for table in settings.tables]
    found += [record_path("figure", places.figure(figure.name), figure.name) for figure in settings.figures]
    return [path for path in found if path.is_file()]


def gather(
    experiments: Mapping[str, ExperimentSettings],
    places: Places,
    records: Mapping[Path, Record],
    versions: Mapping[str, str],
    kept: pd.DataFrame,
) -> tuple[Report, str]:
    """The page's content, and the text of `origins.json`.

    Args:
        experiments: settings by name, in the page's order.
        places: where the files are.
        records: by path.
        versions: of the main packages of the jobs.
        kept: verdicts by the scores of earlier runs, `meshcil.reporting.kept.kept_claims`.

    Raises:
        InputError: when a file cannot be read.
    """
    jobs = list(records.values())
    found = provenance(experiments, places.experiments, records, places.reports.parent)
    runs = keys(experiments)
    resolved = {key: read_json(path) for key in runs if (path := places.runs / key.path / "run.json").is_file()}
    claims = places.table("claims")
    report = Report(
        claims=sources_view(read_texts(claims), found.anchors.get(CLAIMS, {}), kept) if claims.is_file() else (),
        experiments=tuple(
            experiment_view(
                name,
                settings,
                {t.name: read_table(path) for t in settings.tables if (path := places.table(t.name)).is_file()},
                {f.name: _svg(path) for f in settings.figures if (path := places.figure(f.name)).is_file()},
                found.anchors,
                _extent(name, settings, places, records),
            )
            for name, settings in experiments.items()
        ),
        datasets=_datasets(resolved, places),
        facts=tuple(facts(jobs, versions)),
        runtime=table_view(from_texts(runtime(jobs).texts()), "runtime.csv"),
        runs=_runs(runs, resolved, places, records),
        settings=_settings(resolved),
        files=_files(experiments, places),
        origins=tuple(found.origins),
        contrasts=tuple(found.contrasts),
        up=f"{Path(os.path.relpath(places.reports.parent, places.reports)).as_posix()}/",
    )
    return report, found.text()


def _extent(
    name: str, settings: ExperimentSettings, places: Places, records: Mapping[Path, Record]
) -> tuple[Fact, ...]:
    jobs = walk(records, _last_records(name, settings, places))
    # Judging serves all experiments of a page, and so counts in each: with one, its jobs are those of the page.
    return extent(settings, [records[path] for path in dict.fromkeys([*jobs, *_claims(places)])])


def _svg(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(path, f"cannot be read ({error})", _REDRAW) from error
    if "<svg" not in text:
        raise InputError(path, "holds no drawing", _REDRAW)
    return text


def _datasets(resolved: Mapping[RunKey, Any], places: Places) -> tuple[DatasetView, ...]:
    views = {}
    for key, run in resolved.items():
        sheet = places.sheet(key.dataset)
        svg = ""
        if sheet.is_file():
            svg = inline_svg(_svg(sheet), f"sheet-{key.dataset}", f"Example images of every class of {key.dataset}")
        views.setdefault(key.dataset, DatasetView(key.dataset, run["dataset"]["description"], svg))
    return tuple(views.values())


def _runs(
    runs: Sequence[RunKey], resolved: Mapping[RunKey, Any], places: Places, records: Mapping[Path, Record]
) -> tuple[RunView, ...]:
    look = looks(key.method for key in runs)
    views = []
    for key in runs:
        folder, first = places.runs / key.path, places.runs / key.trained_as(0).path
        # The first step counts in each of the runs that share it.
        jobs = [record for path, record in records.items() if path.is_relative_to(folder) or path.is_relative_to(first)]
        link = ""
        if key in resolved:
            link = Path(os.path.relpath(folder / "run.json", places.reports)).as_posix()
        label = resolved[key]["method"]["label"] if key in resolved else key.method
        names = (key.dataset, key.protocol, key.budget, str(key.seed))
        time = duration(total_seconds(jobs)) if jobs else ""
        views.append(RunView(label, f"var({CSS_VARIABLES[look[key.method].colour]})", names, time, link))
    return tuple(views)


def _settings(resolved: Mapping[RunKey, Any]) -> tuple[SettingsView, ...]:
    views: dict[str, SettingsView] = {}
    for part in ("method", "protocol", "dataset"):
        for key, run in resolved.items():
            values = {name: value for name, value in run[part].items() if name not in ("label", "description")}
            title = f"{part.capitalize()} {getattr(key, part)}"
            views.setdefault(title, SettingsView(title, run[part]["description"], tuple(flat_settings(values))))
    return tuple(views.values())


def _files(experiments: Mapping[str, ExperimentSettings], places: Places) -> tuple[str, ...]:
    tables = [places.table(name) for name in ("claims", *(t.name for e in experiments.values() for t in e.tables))]
    figures = [places.figure(figure.name) for settings in experiments.values() for figure in settings.figures]
    forms = [(path, path.with_suffix(".tex")) for path in tables] + [
        (path, path.with_suffix(".pdf")) for path in figures
    ]
    wanted = [path for pair in forms if pair[0].is_file() for path in pair if path.is_file()]
    found = [path.relative_to(places.reports).as_posix() for path in wanted]
    return (*found, "runtime.csv", "runtime.tex", "origins.json")
