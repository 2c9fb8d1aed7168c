"""A hostile name anywhere in the configuration is refused, or stays one harmless word of every command."""

import copy
import os
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from meshcil.cli.check import plan_of
from meshcil.config.base import read_mapping
from meshcil.core.errors import InputError
from meshcil.lineage.jobs import listed
from meshcil.lineage.stages import planned_jobs
from tests.config.test_hostile_names import HOSTILE, names

CONFIG = Path(__file__).resolve().parents[2] / "config"
FILES = (
    "experiments/smoke", "datasets/primitives3d-tiny", "datasets/primitives3d", "protocols/2-2", "methods/inemo",
    "methods/icarl",
)  # fmt: skip


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile") / "config"
    shutil.copytree(CONFIG, folder, ignore=shutil.ignore_patterns("experiments"))
    (folder / "experiments").mkdir()
    shutil.copy(CONFIG / "experiments/smoke.yaml", folder / "experiments")
    return folder


def places(value: Any, path: tuple = ()) -> Iterator[tuple]:
    """Where texts stand in a file: values, and keys (after a None)."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, entry in entries:
        if isinstance(value, dict):
            yield (*path, None, key)
        if isinstance(entry, str):
            yield (*path, key)
        yield from places(entry, (*path, key))


def put(content: Any, path: tuple, name: str) -> None:
    """Write a name at a place."""
    *folders, last = path
    key = bool(folders) and folders[-1] is None
    for step in folders[:-1] if key else folders:
        content = content[step]
    content[name if key else last] = content.pop(last) if key else name


TEXTS = {file: read_mapping(CONFIG / f"{file}.yaml") for file in FILES}
PLACES = [(file, place) for file, content in TEXTS.items() for place in places(content)]
# Those of tables, figures, suites and test sets, which are written to paths, are few among all keys and values.
NAMED = [
    (file, place)
    for file, place in PLACES
    if (place[-1] == "name" and None not in place) or {"suites", "test_sets", "root", "runs"} & set(place[:1])
]


@seed(30)
@settings(max_examples=int(os.environ.get("MESHCIL_FUZZ", "40")), deadline=None, database=None)
@given(st.sampled_from(NAMED) | st.sampled_from(PLACES), st.one_of(st.sampled_from(HOSTILE), names))
def test_no_name_reaches_a_shell_or_another_folder(config: Path, place: tuple[str, tuple], name: str) -> None:
    file, where = place
    content = copy.deepcopy(TEXTS[file])
    put(content, where, name)
    path = config / f"{file}.yaml"
    intact = path.read_bytes()
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    try:
        plan = plan_of("smoke", config)
        for job in planned_jobs(plan).values():
            assert shlex.split(job.shell)[3:] == [job.stage.name, *job.command[4:]]
            for used in (*listed(job.inputs), *listed(job.outputs), job.stage.log.format(**job.names)):
                # Raw files of one's own may lie anywhere; what is written never does.
                assert re.fullmatch(r"[\w./-]+", used) or used in listed(job.inputs), used
                assert ".." not in PurePosixPath(used).parts or used in listed(job.inputs), used
            for written in listed(job.outputs):
                assert not PurePosixPath(written).is_absolute(), written
    except InputError as error:
        assert str(error).count("\n") < 3
    finally:
        path.write_bytes(intact)
