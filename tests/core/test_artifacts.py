"""Artifact files are whole or absent, and states come back as they were."""

import errno
import os
from pathlib import Path

import pandas as pd
import pytest
import torch

from meshcil.core.artifacts import (
    csv_text,
    load_state,
    read_json,
    remove_unfinished,
    resume_folder,
    save_state,
    write_bytes_atomic,
    write_json_atomic,
    write_text_atomic,
)
from meshcil.core.errors import InputError


def test_state_round_trip_keeps_types_and_nesting(tmp_path: Path) -> None:
    tree = {
        "step": 3,
        "network": {"weight": torch.randn(2, 3), "count": torch.tensor(5)},
        "optimizer": {"state": {0: {"step": torch.tensor(1.0)}, 12: {"step": torch.tensor(2.0)}}},
        "groups": [{"lr": 0.1, "params": [0, 1], "name": None, "flag": True}],
    }
    save_state(tmp_path / "state", tree)
    loaded = load_state(tmp_path / "state")
    assert loaded["step"] == 3
    assert set(loaded["optimizer"]["state"]) == {0, 12}
    assert torch.equal(loaded["optimizer"]["state"][12]["step"], torch.tensor(2.0))
    assert loaded["groups"] == tree["groups"]
    assert loaded["network"]["count"].dtype == torch.int64
    assert torch.equal(loaded["network"]["weight"], tree["network"]["weight"])


def test_equal_states_give_equal_bytes(tmp_path: Path) -> None:
    tree = {"b": torch.ones(3), "a": torch.zeros(2, dtype=torch.bool), "rows": [{"loss": 0.25}]}
    for name in ("first", "second"):
        save_state(tmp_path / name, tree)
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()


def test_views_and_shared_tensors_can_be_saved(tmp_path: Path) -> None:
    base = torch.arange(12.0).reshape(3, 4)
    save_state(tmp_path / "state", {"view": base.T, "part": base[1:], "same": base})
    loaded = load_state(tmp_path / "state")
    assert torch.equal(loaded["view"], base.T)
    assert torch.equal(loaded["part"], base[1:])


@pytest.mark.parametrize("damage", [lambda data: data[:-4], lambda data: b"", lambda data: b"x" * 100])
def test_damaged_state_is_named(tmp_path: Path, damage) -> None:
    path = tmp_path / "state"
    save_state(path, {"weight": torch.ones(4)})
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(InputError, match="is not a readable state"):
        load_state(path)
    with pytest.raises(InputError, match="does not exist"):
        load_state(tmp_path / "missing")


@pytest.mark.parametrize(
    ("number", "said"), [(errno.ENOSPC, "No space left on device.*Free disk space"), (errno.EDQUOT, "quota is used up")]
)
def test_a_failed_write_keeps_the_old_file_and_leaves_nothing_behind(
    number: int, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    write_bytes_atomic(path, b"old")

    def full(_descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(InputError, match=said):
        write_bytes_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_file_in_the_place_of_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "folder").write_text("in the way")
    with pytest.raises(InputError, match="stands where a folder is needed"):
        write_bytes_atomic(tmp_path / "folder" / "file", b"data")


def test_json_is_canonical_and_damage_is_named(tmp_path: Path) -> None:
    path = tmp_path / "value.json"
    write_json_atomic(path, {"b": 1, "a": [1, 2]})
    first = path.read_bytes()
    write_json_atomic(path, {"a": [1, 2], "b": 1})
    assert path.read_bytes() == first
    path.write_text('{"a": ')
    with pytest.raises(InputError, match="is not valid JSON"):
        read_json(path)
    with pytest.raises(InputError, match="is not a file"):
        read_json(tmp_path)


def test_what_a_killed_writer_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    for name in (".a.json.x1.tmp", ".a.json.x2.tmp", ".b.json.x1.tmp", "a.json", "a.json.tmp"):
        (tmp_path / name).touch()
    remove_unfinished(tmp_path / "a.json")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".b.json.x1.tmp", "a.json", "a.json.tmp"]
    remove_unfinished(tmp_path / "not" / "there")


@pytest.mark.parametrize(("mask", "mode"), [(0o077, 0o600), (0o002, 0o664)])
def test_the_umask_says_who_may_read_and_write(mask: int, mode: int, tmp_path: Path) -> None:
    before = os.umask(mask)
    try:
        write_text_atomic(tmp_path / "a.json", "{}")
    finally:
        os.umask(before)
    assert (tmp_path / "a.json").stat().st_mode & 0o777 == mode


ROWS = [
    {"step": 0, "phase": "train", "lr": 0.001, "loss": 1 / 3, "kept": True},
    {"step": 1, "phase": 'a "b", c', "lr": 1e-8, "extra": 2.0, "kept": False},
    {"step": 10, "phase": "", "lr": 123456.789, "loss": -0.0, "kept": True},
]


def test_the_text_is_that_of_pandas() -> None:
    assert csv_text(ROWS, digits=6) == pd.DataFrame(ROWS).to_csv(index=False, float_format="%.6g")
    assert csv_text(ROWS) == pd.DataFrame(ROWS).to_csv(index=False)


def test_only_the_same_job_gets_what_an_interrupted_one_left(tmp_path: Path) -> None:
    for name in ("first", "second"):
        with pytest.raises(RuntimeError), resume_folder(tmp_path / "out", name) as partial:
            partial.mkdir()
            (partial / "done").write_text(name)
            raise RuntimeError
    with resume_folder(tmp_path / "out", "second") as partial:
        assert (partial / "done").read_text() == "second"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
