"""What is prepared is recorded whole, and a run refuses data that was prepared for other settings than its own."""

import shutil
from pathlib import Path

import pytest

from meshcil.config.dataset import DatasetSettings
from meshcil.config.run import RunConfig, load_dataset
from meshcil.core.artifacts import read_json, write_json_atomic
from meshcil.core.errors import InputError
from meshcil.lineage.reading import read_record
from meshcil.stages.prepare import main
from meshcil.training.setup import run_facts
from tests.datasets import archives
from tests.stages.test_chain import resolved

SETTINGS = """
description: Tiny.
root: raw
layout: class-folders
classes: [n01, n02]
image_size: [32, 32]
unusable: skip
test_sets: {clean: {layout: class-folders}}
suites: {clean: [clean]}
"""
PREPARED = Path("data/prepared/tiny")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Working folder with a prepared dataset, from raw files of which one is damaged."""
    folder = tmp_path_factory.mktemp("finished")
    archives.class_folders(folder / "raw")
    next((folder / "raw/train/n01").iterdir()).write_bytes(b"no image")
    file = folder / "config/datasets/tiny.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(SETTINGS)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        main(file, PREPARED)
    return folder


@pytest.fixture
def run(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunConfig:
    """A run on a copy of this dataset, in the working folder."""
    monkeypatch.chdir(shutil.copytree(finished, tmp_path / "copy"))
    return with_dataset(resolved("icarl"), load_dataset("tiny", Path("config")))


def with_dataset(run: RunConfig, dataset: DatasetSettings) -> RunConfig:
    return run.model_copy(update={"dataset": dataset, "key": run.key.model_copy(update={"dataset": "tiny"})})


def changed(run: RunConfig, **values: object) -> RunConfig:
    """The run after an edit of its dataset's settings."""
    return with_dataset(run, DatasetSettings.model_validate(run.dataset.model_dump() | values))


def test_what_was_left_out_is_an_output(finished: Path) -> None:
    record = read_record(finished / PREPARED / "prepare.record.json")
    assert (PREPARED / "skipped.csv").as_posix() in {entry.path for entry in record.outputs}


CHANGES: dict[str, tuple[dict, str]] = {
    "size": ({"image_size": (48, 48)}, r"`image_size` \[32, 32\], but the run has \[48, 48\]"),
    "cut": ({"crop": 0.875}, r"`crop` 1\.0, but the run has 0\.875"),
    "test set": (
        {"test_sets": {"clean": {"layout": "class-folders"}, "dark": {"layout": "class-folders"}}},
        r"`test_sets\.dark` None, but the run has \{'layout': 'class-folders'",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_data_prepared_with_other_settings_is_refused(run: RunConfig, change: str) -> None:
    values, expected = CHANGES[change]
    with pytest.raises(InputError, match=rf"{PREPARED}: was prepared with {expected}.*`meshcil data prepare tiny`"):
        run_facts(changed(run, **values), PREPARED)


def test_settings_that_preparation_does_not_read_may_change(run: RunConfig) -> None:
    more = changed(run, description="Small.", obtain="Draw it", suites={"clean": ["clean"], "all": ["clean"]})
    assert run_facts(more, PREPARED).image_size == (32, 32)


def test_a_record_of_another_version_is_read_as_far_as_it_goes(run: RunConfig) -> None:
    path = PREPARED / "prepare.record.json"
    record = read_json(path)
    values = record["settings"]["values"]
    del values["crop"]
    write_json_atomic(path, record | {"settings": {"values": values | {"forgotten": 1}}})
    run_facts(run, PREPARED)
    with pytest.raises(InputError, match=r"`crop` 1\.0, but the run has 0\.5"):
        run_facts(changed(run, crop=0.5), PREPARED)


@pytest.mark.parametrize("content", [[], {}, {"settings": {"values": 1}}])
def test_a_damaged_record_is_said(run: RunConfig, content: object) -> None:
    write_json_atomic(PREPARED / "prepare.record.json", content)
    with pytest.raises(InputError, match=r"prepare\.record\.json: is not a record.*`meshcil data prepare tiny`"):
        run_facts(run, PREPARED)
