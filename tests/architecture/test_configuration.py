"""Every file in config/ is valid, and what is generated from the settings classes is up to date."""

import csv
import re
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from meshcil.config.aligners.base import load_aligner
from meshcil.config.base import load_settings, read_yaml
from meshcil.config.claims import load_claims
from meshcil.config.documentation import with_tables
from meshcil.config.experiment import load_experiment, study_jobs
from meshcil.config.run import load_dataset, load_method, load_protocol
from meshcil.config.studies.base import load_study
from meshcil.core.errors import InputError
from meshcil.lineage.schema import schema_path, schema_text
from meshcil.reporting.published import PublishedSettings
from meshcil.stages.plan import load_plan

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / "config"
LOADERS = {
    "experiments": load_experiment,
    "datasets": load_dataset,
    "protocols": load_protocol,
    "methods": load_method,
    "recipes": lambda name, config: read_yaml(config / "recipes" / f"{name}.yaml"),
    "claims": lambda _name, config: load_claims(config),
    "published": lambda name, config: load_settings(PublishedSettings, config / "published" / f"{name}.yaml"),
    "studies": lambda name, config: load_study(config / "studies" / f"{name}.yaml"),
    "aligners": lambda name, config: load_aligner(config / "aligners" / f"{name}.yaml"),
}
FILES = sorted(CONFIG.glob("*/*.yaml"))


def refusals(paths: Iterable[Path], load: Callable[[Path], object]) -> list[str]:
    """What is wrong with each file that does not load."""
    found = []
    for path in paths:
        try:
            load(path)
        except InputError as error:
            found.append(f"{path.relative_to(ROOT)}: {error}")
    return found


def test_every_file_is_valid() -> None:
    assert len(FILES) > 50
    assert not refusals(FILES, lambda path: LOADERS[path.parent.name](path.stem, CONFIG))


def test_names_can_be_path_components() -> None:
    assert not [path.name for path in FILES if "_" in path.stem]


def test_digits_keep_ten_exemplars_of_each_class() -> None:
    """With two of each, rounding alone moved a single run by up to 20 points."""
    blocks = [b for path in (CONFIG / "experiments").glob("*.yaml") for b in load_experiment(path.stem, CONFIG).runs]
    counts = [
        int(b.removeprefix("total-"))
        for block in blocks
        if "digits" in block.datasets
        for b in block.budgets
        if b.startswith("total-")
    ]
    assert counts and min(counts) >= 100


def test_every_experiment_resolves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    planned = [path for path in FILES if path.parent.name == "experiments" and is_made_here(path.stem)]
    assert len(planned) > 5
    assert not refusals(planned, resolve)


def is_made_here(experiment: str) -> bool:
    """Whether an experiment needs no data that its user has to bring."""
    settings = load_experiment(experiment, CONFIG)
    generators = [load_dataset(name, CONFIG).generator for block in settings.runs for name in block.datasets]
    generated = all(generator and not generator.models for generator in generators)
    studies = [load_study(CONFIG / "studies" / f"{name}.yaml") for name, _ in study_jobs(settings)]
    return generated and all(file.exists() for study in studies for file in study.input_files())


def resolve(path: Path) -> None:
    """Plan an experiment, as the workflow does.

    Raises:
        InputError: when there is nothing in it.
    """
    plan = load_plan([path.stem], CONFIG)
    if not plan.runs and not plan.studies:
        raise InputError("has neither runs nor studies")


def test_parameter_tables_are_up_to_date() -> None:
    text = (CONFIG / "README.md").read_text()
    assert text == with_tables(text), "run: python -m meshcil.config.documentation"


def test_record_schema_is_up_to_date() -> None:
    assert schema_path(ROOT).read_text() == schema_text(), "run: python -m meshcil.lineage.schema"


def test_every_dataset_has_a_version() -> None:
    with (ROOT / "data/versions.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == ["dataset", "version", "source", "counts", "sha256", "bytes", "licence", "url"]
    configured = {path.stem for path in (CONFIG / "datasets").glob("*.yaml")}
    # Test sets and border textures come in archives of their own.
    assert {row["dataset"] for row in rows} == configured | {"occluded-pascal3d", "ood-cv", "dtd"}
    for row in rows:
        # What is made here has no address, be it rendered or its user's own.
        made_here = row["dataset"].startswith("primitives") or row["source"] == "own"
        assert bool(row["url"]) == (not made_here), row["dataset"]
        assert all(re.fullmatch(r"\w+=\d+", entry) for entry in row["counts"].split(";") if entry)
        assert all(re.fullmatch(r"[\w./-]+=[0-9a-f]{64}", entry) for entry in row["sha256"].split(";") if entry)
        if row["dataset"] not in configured:
            continue
        generator = load_dataset(row["dataset"], CONFIG).generator
        assert row["source"] in ({"generated"} if generator else {"external", "own"})
        assert generator is None or row["version"] == f"seed-{generator.seed}"
