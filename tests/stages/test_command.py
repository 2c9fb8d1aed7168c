"""The shared part of the stages' command lines."""

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
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS"):
        monkeypatch.setenv(name, "8")
    limit_threads(1)
    try:
        assert torch.get_num_threads() == 1
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
