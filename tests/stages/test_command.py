"""The shared part of the stages' command lines."""

import os
from errno import EACCES
from os import strerror
from pathlib import Path
from types import ModuleType
from typing import Annotated

import pytest
import typer

from meshcil.core.errors import InputError
from meshcil.stages import generate, prepare
from meshcil.stages.command import execute, limit_threads, repeat_options


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], []),
        (["--out", "a"], ["--out", "a"]),
        (["--in", "a", "b", "c", "--out", "d"], ["--in", "a", "--in", "b", "--in", "c", "--out", "d"]),
        (["--in", "a", "--in", "b"], ["--in", "a", "--in", "b"]),
        (["--help"], ["--help"]),
    ],
)
def test_repeated_values(given: list[str], expected: list[str]) -> None:
    assert repeat_options(given) == expected


def test_bad_input_is_one_message_and_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    def stage(data: Annotated[Path, typer.Option()]) -> None:
        raise InputError(data, "is empty", "Fill it")

    with pytest.raises(SystemExit) as end:
        execute(stage, ["--data", "d.csv"])
    assert end.value.code == 2
    assert capsys.readouterr().err == "error: d.csv: is empty. Fill it\n"


def test_a_file_of_another_account_is_one_message(capsys: pytest.CaptureFixture[str]) -> None:
    def stage() -> None:
        raise PermissionError(EACCES, strerror(EACCES), "logs/a.log")

    with pytest.raises(SystemExit) as stop:
        execute(stage, [])
    assert stop.value.code == 2
    said = "error: logs/a.log: cannot be used (Permission denied). Check who owns it and its permissions"
    assert capsys.readouterr().err.startswith(said)


def test_lists_of_files_arrive_in_order() -> None:
    seen: list[list[Path]] = []

    def stage(scores: Annotated[list[Path], typer.Option()]) -> None:
        seen.append(scores)

    with pytest.raises(SystemExit) as end:
        execute(stage, ["--scores", "b", "a"])
    assert end.value.code == 0 and seen == [[Path("b"), Path("a")]]


def test_threads_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    before = torch.get_num_threads()
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("MKL_NUM_THREADS", "8")
    limit_threads(1)
    try:
        assert torch.get_num_threads() == 1
        # A library's own variable would go before the common one.
        assert os.environ["OMP_NUM_THREADS"] == os.environ["MKL_NUM_THREADS"] == "1"
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("threads", [0, -1])
def test_no_threads_are_refused(threads: int) -> None:
    with pytest.raises(InputError, match=f"--threads {threads}: is less than 1"):
        limit_threads(threads)


@pytest.mark.parametrize("stage", [generate, prepare])
def test_no_workers_are_refused(stage: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--workers 0: is less than 1"):
        stage.main(tmp_path / "d.yaml", tmp_path / "out", 0)
