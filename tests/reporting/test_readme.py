"""The measured part of the README: from tables, figures and records to Markdown, and what happens without them."""

import json
from pathlib import Path
from typing import Any

import pytest

from meshcil.cli.application import app
from meshcil.core.errors import InputError
from meshcil.core.hashing import sha256_json
from meshcil.reporting.readme import BEGIN, END, FIGURES, SHEET, rewrite_readme
from meshcil.stages.command import run

SUMMARY = """method,label,budget,seeds,average [%],last [%],forgetting [%],pose pi/6 [%],pose pi/18 [%]
inemo,iNeMo,total-96,1,88.12,80.04,9.10,61.50,30.00
finetune,finetune,none,1,51.00,24.58,99.00,,
"""
OCCLUSION = """method,label,budget,seeds,clean [%],L1 [%],L2 [%],L3 [%]
finetune,finetune,none,1,24.58,20.10,15.20,11.30
inemo,iNeMo,total-96,1,80.04,60.11,42.22,25.33
"""
README = f"# Title\n\nBefore.\n\n{BEGIN}\n\nNothing yet.\n\n{END}\n\nAfter.\n"


def record(stage: str, commit: str, parents: list[str], seed: int | None = None) -> dict[str, Any]:
    times = {"started": "2031-05-04T08:00:00.000+00:00", "ended": "2031-05-04T08:00:30.000+00:00", "seconds": 30.0}
    source = {"commit": commit, "dirty": False, "lock_sha256": "cd" * 32, "diff_sha256": None, "tree_sha256": None}
    environment = {"packages_sha256": "ef" * 32, "python": "3.11.7", "host": "here", "platform": "Linux", "cores": 2}
    environment |= {"device": "cpu", "threads": 1, "slurm_job_id": None}
    chain = {"parents": [{"path": path, "sha256": "00" * 32} for path in parents], "inputs": [], "outputs": []}
    made = {"settings": {"sha256": sha256_json({}), "values": {}}, "code": {"digest": "", "modules": {}, "outside": []}}
    made |= {"processor_seconds": 30.0, "peak_bytes": 1}
    named = {"schema_version": 1, "stage": stage, "name": "", "key": {}, "seed": seed, "argv": [], "pipeline": None}
    return {**named, "exit_code": 0, "source": source, "environment": environment, **times, **chain, **made}


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A working folder after `make reproduce`, reduced to what is read."""
    files: dict[str, str] = {
        "README.md": README,
        "reports/tables/summary.csv": SUMMARY,
        "reports/tables/occlusion.csv": OCCLUSION,
        "results/train.record.json": json.dumps(record("train", "b" * 40, [], seed=7)),
    }
    collected = record("collect", "a" * 40, ["results/train.record.json"])
    files["results/experiments/collect-laptop.record.json"] = json.dumps(collected)
    files |= {f"reports/figures/{name}.svg": f"<svg>{name}</svg>" for name in (*FIGURES, SHEET)}
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def rewrite(work: Path) -> str:
    rewrite_readme(work / "reports", work / "README.md", work / "docs/images")
    return (work / "README.md").read_text()


def test_numbers_are_the_cells_of_the_tables_matched_by_run(work: Path) -> None:
    lines = rewrite(work).splitlines()
    assert "| iNeMo | `total-96` | 88.12 | 80.04 | 9.10 | 60.11 | 42.22 | 25.33 | 61.50 | 30.00 |" in lines
    assert "| finetune | `none` | 51.00 | 24.58 | 99.00 | 20.10 | 15.20 | 11.30 |  |  |" in lines


def test_a_label_is_no_markup(work: Path) -> None:
    path = work / "reports/tables/summary.csv"
    path.write_text(path.read_text().replace("iNeMo", "<b>[x](javascript:a)|"))
    assert "| &lt;b>&#91;x&#93;(javascript:a)/ | `total-96` | 88.12 |" in rewrite(work)


def test_the_sentence_covers_the_jobs_behind_the_scores(work: Path) -> None:
    text = rewrite(work)
    assert "Measured on 2031-05-04" in text
    assert "at commit `aaaaaaaaaaaa`, `" in text, "the training job ran at another commit than the others"
    assert "training seeds: 7" in text
    assert "2 jobs behind the scores, 1 min 00 s of work in all, 2 processor cores" in text


def test_spread_over_seeds_follows_the_mean(work: Path) -> None:
    table = work / "reports/tables/summary.csv"
    table.write_text(
        "method,label,budget,seeds,average [%],average std [%],last [%],forgetting [%],pose pi/6 [%],pose pi/18 [%]\n"
        "inemo,iNeMo,total-96,3,88.12,0.51,80.04,9.10,61.50,30.00\n"
    )
    assert "| 88.12 ± 0.51 | 80.04 |" in rewrite(work)


def test_pictures_are_copied_as_they_are_and_linked(work: Path) -> None:
    text = rewrite(work)
    for name in (*FIGURES, SHEET):
        assert f"docs/images/{name}.svg" in text
        copied = work / "docs/images" / f"{name}.svg"
        assert copied.read_bytes() == (work / "reports/figures" / f"{name}.svg").read_bytes()


def test_text_outside_of_the_markers_stays_and_again_changes_nothing(work: Path) -> None:
    first = rewrite(work)
    assert first.startswith("# Title\n\nBefore.\n\n<!--") and first.endswith("-->\n\nAfter.\n")
    assert "Nothing yet" not in first
    assert rewrite(work) == first


@pytest.mark.parametrize(
    "missing",
    [
        "reports/tables/summary.csv",
        "reports/tables/occlusion.csv",
        "results/experiments/collect-laptop.record.json",
        "results/train.record.json",
        "reports/figures/steps.svg",
        f"reports/figures/{SHEET}.svg",
    ],
)
def test_what_is_missing_is_named_and_nothing_is_written(work: Path, missing: str) -> None:
    (work / missing).unlink()
    with pytest.raises(InputError, match=Path(missing).name):
        rewrite(work)
    assert (work / "README.md").read_text() == README
    assert not (work / "docs").exists()


def test_a_table_of_another_shape_is_one_message(work: Path) -> None:
    table = work / "reports/tables/occlusion.csv"
    table.write_text(OCCLUSION.replace("L2 [%]", "level 2"))
    with pytest.raises(InputError, match=r"occlusion.csv: lacks the columns L2\."):
        rewrite(work)
    table.write_text("\n".join(OCCLUSION.splitlines()[:2]))
    with pytest.raises(InputError, match=r"occlusion.csv: has no row inemo/total-96"):
        rewrite(work)


@pytest.mark.parametrize("text", ["no markers", f"{END}\n{BEGIN}", f"{BEGIN}{BEGIN}{END}"])
def test_markers_must_be_there(work: Path, text: str) -> None:
    (work / "README.md").write_text(text)
    with pytest.raises(InputError, match="lacks the lines"):
        rewrite(work)


def test_command_line(work: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(work)
    with pytest.raises(SystemExit, match="0"):
        run(app, ["export", "readme"])
    assert "88.12" in Path("README.md").read_text()
    with pytest.raises(SystemExit, match="2"):
        run(app, ["export", "readme", "--into", "nowhere"])
    assert capsys.readouterr().err.startswith("error: nowhere/README.md: cannot be read")
