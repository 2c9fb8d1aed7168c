"""Profiles merged in layers, and what Slurm's answers mean."""

from pathlib import Path

import pytest
import yaml

from meshcil.cli import slurm, submit
from meshcil.cli.profiles import load_profile, profile_folder, write_profile
from meshcil.core.errors import InputError


def write(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_layers_are_merged_entry_by_entry(tmp_path: Path) -> None:
    write(tmp_path, "default/config.yaml", "cores: all\nquiet: [host]\n")
    write(tmp_path, "big/config.yaml", "jobs: 50\ndefault-resources:\n  - mem_mb=4000\n  - slurm_partition=a\n")
    write(tmp_path, "big/config.yaml", (tmp_path / "big/config.yaml").read_text() + "groups: {train: a, predict: b}\n")
    local = (
        "jobs: 3\nquiet: []\ndefault-resources: {slurm_partition: gpu, slurm_account: me}\ngroups: {predict: null}\n"
    )
    write(tmp_path, "local.yaml", local)
    merged = load_profile("big", tmp_path)
    assert merged["groups"] == {"train": "a"}
    assert merged["default-resources"] == {"mem_mb": 4000, "slurm_partition": "gpu", "slurm_account": "me"}
    assert (merged["cores"], merged["jobs"], merged["quiet"]) == ("all", 3, [])
    assert "jobs" in load_profile(None, tmp_path)


@pytest.mark.parametrize("name", ["slurm", "gpu"])
def test_every_profile_is_read_and_kept(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    merged = load_profile(name)
    folder = write_profile(merged)
    assert yaml.safe_load((folder / "config.yaml").read_text()) == merged
    assert merged.items() >= load_profile(None).items()


def test_a_setting_that_is_written_twice_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "default/config.yaml", "cores: all\n")
    write(tmp_path, "local.yaml", "jobs: 3\ncores: 2\njobs: 4\n")
    with pytest.raises(InputError, match=r"local.yaml: has the key `jobs` in line 1 and again in line 3"):
        load_profile(None, tmp_path)


def test_slurm_leaves_most_of_the_login_node_to_others() -> None:
    assert load_profile("slurm")["local-cores"] == 2


def test_an_unknown_profile_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"'cray': is not in .*Known: gpu, slurm"):
        load_profile("cray")
    assert (profile_folder() / "default/config.yaml").is_file()


def test_squeue_is_asked_unless_it_forgets_too_early() -> None:
    remembers, forgets = {"MinJobAge": "300 sec"}, {"MinJobAge": "200 sec"}
    keeps = {"AccountingStorageType": "accounting_storage/slurmdbd"}
    assert slurm.status_command(remembers, 20) == "squeue"
    assert slurm.status_command(remembers | keeps, 20) == "squeue"
    assert slurm.status_command(forgets | keeps, 20) == "sacct"
    assert slurm.status_command(remembers | keeps, 120) == "sacct", "the executor would leave squeue by itself"
    with pytest.raises(InputError, match=r"forgets a finished job after 200 s.*MinJobAge of 240 s"):
        slurm.status_command(forgets | {"AccountingStorageType": "accounting_storage/none"}, 20)


@pytest.fixture
def queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Slurm whose queue is a file and whose scancel empties it."""
    folder = tmp_path / "bin"
    folder.mkdir()
    lines = tmp_path / "queue"
    lines.touch()
    for name, text in {"squeue": f"cat {lines}", "scancel": f"echo $@ > {tmp_path}/cancelled; : > {lines}"}.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.chdir(tmp_path)
    return lines


def test_jobs_are_known_by_the_prefix_of_their_folder(queue: Path) -> None:
    prefix = submit.job_prefix({"slurm-jobname-prefix": "mine"})
    queue.write_text(
        f"7|{prefix}_1a|RUNNING|None|node1|rule_train\n"
        f"8|{prefix}_1a|PENDING|Priority||rule_train|odd\n"
        "9|mine-00000000_2b|RUNNING|None|node1|other folder\n"
        "10|shell|RUNNING|None|node1|\n"
    )
    jobs = slurm.alive(prefix)
    assert [(job.id, job.state, job.reason) for job in jobs] == [
        ("7", "RUNNING", "node1"),
        ("8", "PENDING", "Priority"),
    ]
    assert slurm.describe(jobs) == "7 (RUNNING), 8 (PENDING)"
    assert slurm.cancel(prefix) == 2
    assert (queue.parent / "cancelled").read_text() == "7 8\n"
    assert slurm.cancel(prefix) == 0


def test_jobs_of_an_earlier_run_are_a_reason_to_refuse_or_are_ended(queue: Path, capsys: pytest.CaptureFixture) -> None:
    (queue.parent / "bin/scontrol").write_text("#!/bin/sh\necho 'MinJobAge = 300 sec'\n")
    (queue.parent / "bin/scontrol").chmod(0o755)
    settings = {"executor": "slurm", "slurm-init-seconds-before-status-checks": 20}
    prefix = submit.job_prefix(settings)
    queue.write_text(f"7|{prefix}_1a|RUNNING|None|node1|rule_train\n")
    with pytest.raises(InputError, match=r"still has jobs of an earlier run in this folder: 7 \(RUNNING\)"):
        submit.for_slurm(settings, cancel=False)
    chosen = submit.for_slurm(settings, cancel=True)
    assert (chosen["slurm-jobname-prefix"], chosen["slurm-status-command"]) == (prefix, "squeue")
    assert "Cancelled 1 jobs of an earlier run" in capsys.readouterr().err
    assert submit.for_slurm(settings, cancel=False) == chosen


def test_a_machine_without_slurm_is_told_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="squeue: is not installed here"):
        slurm.alive("x")


def test_a_folder_that_cannot_be_written_is_named_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    submit.check_folders()
    assert not list(tmp_path.rglob(".probe*"))
    (tmp_path / "results/runs").rmdir()
    (tmp_path / "results/runs").write_text("in the way")
    with pytest.raises(InputError, match=r"^results/runs: cannot be written.*move it away"):
        submit.check_folders()
