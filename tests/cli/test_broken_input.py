"""Files that are truncated, folders or unreadable are named by the audit, all of them, without a traceback."""

import errno
import io
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from meshcil.cli.application import app
from meshcil.lineage.anchor import ANCHOR, FINAL
from meshcil.stages.command import run
from tests.cli.fabrication import PREPARED, RAW
from tests.cli.test_audit import RUN, TABLE

pytestmark = pytest.mark.usefixtures("locked_packages")

TEXTS = (
    RUN / "score.record.json",
    RUN / "run.json",
    RUN / "scores.csv",
    Path("results/tracking/smoke.json"),
)
FILES = (
    *TEXTS,
    RAW / "Images/car_imagenet/n01.JPEG",
    PREPARED / "train.parquet",
    RUN / "step1/predictions-robustness.parquet",
    TABLE,
    ANCHOR,
    Path("config/methods/icarl.yaml"),
    Path("src/meshcil/evaluation/metrics.py"),
    Path("requirements.lock"),
    Path("dvc.yaml"),
)


def truncate(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def become_folder(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.unlink()
    path.mkdir()


def become_unreadable(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Root may read what nobody may: the refusal is put in place of the permission.
    whole = path.resolve()
    for module in (io, os):
        opened = module.open

        def refuse(file: Any, *arguments: Any, opened: Any = opened, **options: Any) -> Any:
            if isinstance(file, str | Path) and Path(file).resolve() == whole:
                raise PermissionError(errno.EACCES, "Permission denied", str(file))
            return opened(file, *arguments, **options)

        monkeypatch.setattr(module, "open", refuse)


@pytest.mark.parametrize(
    ("spoil", "paths"),
    [
        (truncate, TEXTS),
        (become_folder, FILES),
        (become_unreadable, FILES),
        # Without it nothing is known of the anchor.
        (become_folder, (FINAL,)),
        (become_unreadable, (FINAL,)),
    ],
    ids=["truncated", "folder", "unreadable", "report-folder", "report-unreadable"],
)
def test_it_is_named(
    checkout: Path,
    spoil: Callable[[Path, pytest.MonkeyPatch], None],
    paths: Sequence[Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if Path("dvc.yaml") in paths:
        Path("dvc.yaml").write_text("stages: {}\n")
        Path("dvc.lock").write_text("schema: '2.0'\n")
    for path in paths:
        spoil(path, monkeypatch)
    with pytest.raises(SystemExit) as stop:
        run(app, ["audit"])
    printed = capsys.readouterr()
    assert stop.value.code == 1, printed.out + printed.err
    # Of raw data the folder is recorded.
    named = [RAW if path.is_relative_to(RAW) else path for path in paths]
    assert [path for path in named if path.as_posix() not in printed.out] == []
