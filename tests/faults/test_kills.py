"""SIGKILL at random moments of the smoke experiment: each run is resumed to the bytes of an undisturbed one."""

import json
import os
import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from meshcil.cli.status import is_locked
from tests.faults.conftest import (
    AFTER_RUNS,
    RUN,
    assert_nothing_is_left_to_do,
    copy,
    fault,
    finish,
    from_step,
    kill,
    start,
    trained_in,
    wait_for,
)

pytestmark = [pytest.mark.faults, pytest.mark.timeout(3600)]

SEED = int(os.environ.get("MESHCIL_FAULT_SEED", "0"))
KILLS = 20
METHODS = ("icarl-smoke", "inemo-smoke")
EPOCHS = 3
FOLDERS = ("data", "results", "reports")


def any_moment(reference: Path, folder: Path, draw: random.Random) -> None:
    """After a random number of jobs, of the whole experiment or of a last step and what follows, and a while."""
    if draw.random() > 0.5:
        copy(reference, folder, *from_step(draw.choice(METHODS), 1))
    total, before = number_of_records(reference), number_of_records(folder)
    wanted = draw.randrange(before, total)
    process = start(folder)
    wait_for(lambda: number_of_records(folder) >= wanted, process, folder, 0.1)
    deadline = time.monotonic() + draw.uniform(0, 2)
    wait_for(lambda: time.monotonic() > deadline or number_of_records(folder) == total, process, folder, 0.05)
    kill(process)


def training(reference: Path, folder: Path, draw: random.Random) -> None:
    """While a step trains, somewhere in the time it took in the undisturbed run."""
    method, step = draw.choice(METHODS), draw.randrange(2)
    copy(reference, folder, *from_step(method, step))
    place = trained_in(method, step)
    seconds = json.loads((reference / place / "train.record.json").read_text())["seconds"]
    process = start(folder)
    wait_for(lambda: is_locked(folder / place / ".state.safetensors.lock"), process, folder)
    time.sleep(draw.uniform(0, seconds))
    kill(process)


def checkpoint(reference: Path, folder: Path, draw: random.Random) -> None:
    """While a checkpoint has its temporary name and a random share of its bytes; its predecessor is renamed by then."""
    copy(reference, folder, *from_step(draw.choice(METHODS), draw.randrange(2)))
    strike(folder, draw, r"checkpoint-\w+\.safetensors", draw.randint(1, EPOCHS))


def parquet(reference: Path, folder: Path, draw: random.Random) -> None:
    """The same while predictions are written, or once in a while the prepared images."""
    if draw.random() < 0.25:
        copy(reference, folder, "data/prepared/*", *AFTER_RUNS)
        strike(folder, draw, r"\w+\.parquet", draw.randint(1, 3))
        return
    step = draw.randrange(2)
    place = RUN.format(method=draw.choice(METHODS))
    copy(reference, folder, f"{place}/step{step}/predict*", f"{place}/score*", *AFTER_RUNS)
    strike(folder, draw, r"predictions-\w+\.parquet", 1)


def mlflow(reference: Path, folder: Path, draw: random.Random) -> None:
    """In a transaction of the database: while its tables are made, or while records are logged."""
    copy(reference, folder, "results/tracking/*.json", "mlflow.db*")
    journal, most = draw.choice((("mlflow.db-journal", 100), (".mlflow.db.tmp-journal", 40)))
    wanted, seen = draw.randint(1, most), 0

    def often_enough() -> bool:
        nonlocal seen
        seen += (folder / journal).exists()
        return seen == wanted

    process = start(folder)
    wait_for(often_enough, process, folder)
    kill(process)


KINDS: tuple[Callable[[Path, Path, random.Random], None], ...] = (any_moment, training, checkpoint, parquet, mlflow)


def strike(folder: Path, draw: random.Random, name: str, write: int) -> None:
    """Let a run kill itself and all its processes within a write; a part of the file is left."""
    process = start(folder, **fault("run", name, write, draw.random()))
    assert process.wait() == -9, (folder / "out.txt").read_text()
    assert any(".parquet." in path.name or ".safetensors." in path.name for path in folder.rglob(".*.tmp"))


def number_of_records(folder: Path) -> int:
    # Not by pathlib, which fails when a folder vanishes while it looks.
    files = (name for place in FOLDERS for _, _, names in os.walk(folder / place) for name in names)
    return sum(name.endswith(".record.json") for name in files)


def cut_off(folder: Path) -> str:
    """What a killed run was at: the locks, unfinished files and open transactions that it left."""
    jobs = [f"{path.parent.name}/{path.name[1:].removesuffix('.lock')}" for path in folder.rglob(".*.lock")]
    unfinished = [f"writing {path.name[1:].rsplit('.', 2)[0]}" for path in folder.rglob("*/.*.tmp")]
    transactions = ["writing to mlflow.db" for _ in folder.glob("*mlflow.db*-journal")]
    return ", ".join(sorted({*jobs, *unfinished, *transactions})) or "between jobs"


@pytest.mark.parametrize("number", range(KILLS))
def test_a_killed_run_is_resumed_to_the_same_bytes(number: int, reference: Path, folder: Path) -> None:
    draw = random.Random(f"{SEED}/{number}")
    kind = KINDS[number % len(KINDS)]
    kind(reference, folder, draw)
    found = cut_off(folder)
    files = finish(folder, reference)
    print(f"\nkill {number + 1} of {KILLS}, seed {SEED}, {kind.__name__}: {found}; resumed, {files} files the same")


@pytest.mark.parametrize("method", METHODS)
def test_a_step_that_is_asked_to_stop_goes_on(method: str, reference: Path, folder: Path) -> None:
    copy(reference, folder, *from_step(method, 1))
    process = start(folder, **fault("ask", r"checkpoint-\w+\.safetensors"))
    assert process.wait() == 1
    output = (folder / "out.txt").read_text()
    assert "was saved, and the same command continues from there" in output
    assert "python -m meshcil.stages.train" in output and output.splitlines()[-1].startswith("1 job failed.")
    assert list(folder.glob(f"{RUN.format(method=method)}/step1/checkpoint-*.safetensors"))
    finish(folder, reference)
    assert_nothing_is_left_to_do(folder)
