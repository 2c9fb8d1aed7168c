"""Write the report of one or more experiments."""

from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from meshcil.config.base import yaml_files
from meshcil.config.claims import claim_files, kept_claim_files, load_claims
from meshcil.config.experiment import ExperimentSettings, load_experiment
from meshcil.core.artifacts import write_text_atomic
from meshcil.core.code_digest import repository_root
from meshcil.lineage.anchor import ANCHOR, anchor_text
from meshcil.lineage.code import report_modules, templates
from meshcil.lineage.files import record_path
from meshcil.lineage.paths import KEPT
from meshcil.lineage.recomputed import places as places_of
from meshcil.lineage.recomputed import unequal
from meshcil.lineage.record import record_job
from meshcil.lineage.schema import Record
from meshcil.lineage.source import packages_digest
from meshcil.reporting.facts import runtime
from meshcil.reporting.gather import Places, gather, record_files, sources
from meshcil.reporting.kept import kept_claims
from meshcil.stages.command import execute


def main(
    config: Annotated[Path, typer.Option(help="Folder with experiments; kept results in docs/results beside it.")],
    experiments: Annotated[list[str], typer.Option(help="File names in experiments, in the page's order.")],
    out: Annotated[Path, typer.Option(help="HTML file; tables and figures lie beside it.")],
    results: Annotated[Path, typer.Option(help="Folder with runs and experiments.")] = Path("results"),
    data: Annotated[Path, typer.Option(help="Folder with raw and prepared datasets.")] = Path("data"),
) -> None:
    """Write the page; beside it run times, the origin of every number, and the digest of the page's record."""
    settings = {name: load_experiment(name, config) for name in experiments}
    files = [file for name in experiments for file in yaml_files(config / "experiments" / f"{name}.yaml")]
    places = Places(out.parent, results / "runs", results / "experiments", data)
    records, kept = record_files(settings, places), config.parent / KEPT
    times, origins = out.parent / "runtime.csv", out.parent / "origins.json"
    with record_job(
        "report",
        inputs=[
            *files,
            *claim_files(config),
            *kept_claim_files(kept, experiments),
            *sources(settings, places),
            *records,
            templates(),
        ],
        outputs=[out, times, times.with_suffix(".tex"), origins],
        settings={name: value.model_dump(mode="json") for name, value in settings.items()},
        modules=report_modules("report", settings),
        key={"experiments": ",".join(experiments)},
    ):
        texts = _texts(config, settings, places, records)
        for path, text in zip((out, times, times.with_suffix(".tex"), origins), texts, strict=True):
            write_text_atomic(path, text)
    write_text_atomic(out.parent / ANCHOR.name, anchor_text(record_path("report", out)))


def _texts(
    config: Path, settings: Mapping[str, ExperimentSettings], places: Places, records: Mapping[Path, Record]
) -> tuple[str, str, str, str]:
    """The page, the run times as CSV and LaTeX, and the origins."""
    verdicts = kept_claims(load_claims(config), config.parent / KEPT, list(settings))
    report, numbers = gather(settings, places, records, _versions(records.values()), verdicts)
    taken = runtime(list(records.values()))
    return report.html(), taken.csv(), taken.latex(), numbers


def recompute(record: Record) -> list[Path]:
    """Outputs of the page's job that differ from what scores, tables, figures and records give.

    The page names the versions of packages where all jobs ran with those that are installed: elsewhere it is not made
    again.
    """
    settings = {name: ExperimentSettings.model_validate(values) for name, values in record.settings.values.items()}
    folder = places_of(record.outputs)[0].parent
    places = Places(folder, Path("results/runs"), Path("results/experiments"), Path("data"))
    records = record_files(settings, places)
    if not _versions(records.values()):
        return []
    return unequal(record, *_texts(repository_root() / "config", settings, places, records))


def _versions(records: Iterable[Record]) -> dict[str, str]:
    """Versions of the main packages here, if every job had the very packages that are installed now."""
    if {record.environment.packages_sha256 for record in records} != {packages_digest()}:
        return {}
    return {name: version(name) for name in ("torch", "torchvision", "numpy", "pandas", "snakemake")}


if __name__ == "__main__":
    execute(main)
