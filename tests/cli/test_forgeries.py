"""Forgeries that bring all records after them, the log and the anchor up to date, and what is taken away or hidden."""

import json
import re
import shutil
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from meshcil.cli.audit import inspect, show
from meshcil.core import code_digest
from meshcil.core.hashing import sha256_bytes, sha256_json
from meshcil.lineage import log
from meshcil.lineage.anchor import FINAL, anchor
from meshcil.lineage.files import file_facts
from meshcil.lineage.source import changed_files
from meshcil.lineage.stages import planned_jobs
from meshcil.stages import resolve
from meshcil.stages.collect import collected
from meshcil.stages.plan import load_plan
from tests.cli.fabrication import CONFIG, DATASET, RAW, fabricate_job, write
from tests.cli.test_audit import FIRST, RUN, TABLE, alter_predictions, append, replace, rewrite, rewrite_history
from tests.lineage.test_record import git

pytestmark = pytest.mark.usefixtures("locked_packages")

TRUTH = "its images, classes or poses under clean are not those of"
RESULT = Path("results/experiments/collect-smoke.record.json")


def cut_the_report() -> None:
    rewrite(FINAL, lambda content: content | {"parents": content["parents"].clear()})


def swap_labels() -> None:
    folders = [RUN, Path(str(RUN).replace("icarl", "inemo"))]
    texts = [(folder / "run.json").read_text() for folder in folders]
    for folder, text in zip(folders, texts, strict=True):
        old, new = ("iCaRL", "iNeMo") if "icarl" in str(folder) else ("iNeMo", "iCaRL")
        (folder / "run.json").write_text(text.replace(f"{old} (smoke)", f"{new} (smoke)"))
        rewrite(folder / "resolve.record.json", lambda c, new=new: relabel(c, f"{new} (smoke)"))


def relabel(content: dict, label: str) -> None:
    content["settings"]["values"]["method"]["label"] = label
    content["settings"]["sha256"] = sha256_json(content["settings"]["values"])


def select_in_the_record() -> None:
    def change(content: dict) -> None:
        content["settings"]["values"]["select"] = {"seed": [0]}
        content["settings"]["sha256"] = sha256_json(content["settings"]["values"])

    rewrite(TABLE.parent / f"table-{TABLE.stem}.record.json", change)


def leave_a_run_out() -> None:
    content = json.loads(RESULT.read_text())
    kept = [entry for entry in content["inputs"] if "inemo" not in entry["path"]]
    files = [Path(entry["path"]) for entry in kept]
    text, numbers = collected([p for p in files if p.suffix == ".csv"], [p for p in files if p.suffix == ".json"], [])
    Path("results/experiments/smoke.csv").write_text(text)
    Path("results/experiments/smoke.metrics.json").write_text(json.dumps(numbers, indent=1, sort_keys=True) + "\n")
    parents = [parent for parent in content["parents"] if "inemo" not in parent["path"]]
    rewrite(RESULT, lambda found: found.update(inputs=kept, parents=parents))


def another_command() -> None:
    rewrite(FIRST / "train.record.json", lambda content: content.update(argv=["python", "copy.py", "x"]))


def foreign_input() -> None:
    write(Path("elsewhere"), {"train.parquet": "the test images"})
    entry = file_facts(Path("elsewhere/train.parquet")).model_dump()

    def change(content: dict) -> None:
        content["inputs"] = [e for e in content["inputs"] if not e["path"].endswith("train.parquet")] + [entry]

    rewrite(FIRST / "train.record.json", change)


PREDICTIONS = RUN / "step1/predictions-robustness.parquet"
PREDICTED = RUN / "step1/predict-robustness.record.json"


def answers(change: Callable[[pd.DataFrame], pd.DataFrame]) -> Callable[[], None]:
    """Edit of predictions."""
    return lambda: change(pd.read_parquet(PREDICTIONS)).to_parquet(PREDICTIONS, index=False)


def right(frame: pd.DataFrame) -> pd.Series:
    return frame["true_class"] == frame["predicted_class"]


# What is done to predictions -> how, and what a finding must hold.
ANSWERED: dict[str, tuple[Callable[[pd.DataFrame], pd.DataFrame], str]] = {
    "the true classes": (lambda f: f.assign(true_class=f["predicted_class"]), TRUTH),
    "wrong answers left out": (lambda f: f[right(f)], TRUTH),
    "an image twice": (lambda f: pd.concat([f, f[right(f)].iloc[:1]]), TRUTH),
    "a test set left out": (lambda f: f[f["test_set"] != "L2"], "lacks the test sets L2"),
    "the predicted classes": (lambda f: f.assign(predicted_class=f["true_class"]), "not those with the best scores"),
    "scores that are no numbers": (
        lambda f: f.assign(scores=[[float("nan")] * len(row) for row in f["scores"]]),
        "not those with the best scores",
    ),
    "scores of fewer classes": (lambda f: f.assign(scores=[[1.0] for _ in f["scores"]]), "not a score for each of"),
    "the pose errors": (lambda f: f.assign(pose_error=0.0), "some pose errors are not those of the poses"),
    "another step": (lambda f: f.assign(step=0), "made after another step than 1"),
    "a column that scoring reads": (
        lambda f: f.assign(top5_right=True),
        f"{PREDICTIONS}: has columns that no prediction has: top5_right",
    ),
    "that column in place of the scores": (
        lambda f: f.drop(columns="scores").assign(task_incremental_right=True),
        f"{PREDICTIONS}: cannot be compared",
    ),
}


def code_in_a_package() -> None:
    package = Path("src/meshcil/evaluation/__init__.py")
    package.write_text(package.read_text() + "import os\n")
    _cached_anew()


def _cached_anew() -> None:
    for function in (code_digest._acts, code_digest._module_digest):
        function.cache_clear()


def touch_up(path: str, before: str, after: str) -> Callable[[], None]:
    return lambda: Path(path).write_text(re.sub(before, after, Path(path).read_text(), count=1))


def other_python_and_code() -> None:
    for path in Path().glob("[dr]*/**/*.record.json"):
        rewrite(path, lambda content: content["environment"].update(python="3.99.0"))
    replace("src/meshcil/evaluation/metrics.py", "import", "import os\nimport")()


def preloaded_module() -> None:
    rewrite(FIRST / "train.record.json", lambda content: content["environment"].update(foreign=["/elsewhere"]))


FIGURE = "reports/figures/smoke-steps.svg"
# A forgery -> how, the first record to be brought up to date with it, and what a finding must hold.
FORGED: dict[str, tuple[Callable[[], None], Path, str]] = {
    "the report without its parents": (cut_the_report, FINAL, f"{FINAL}: names other parents"),
    "labels of two methods": (swap_labels, RUN / "resolve.record.json", "`method.label` was"),
    "a selection of seeds": (select_in_the_record, TABLE.parent / f"table-{TABLE.stem}.record.json", "works by other"),
    "a run left out": (leave_a_run_out, RESULT, f"{RESULT}: does not rest on"),
    "another command": (another_command, FIRST / "train.record.json", "was not made by the command of the plan"),
    "data from elsewhere": (foreign_input, FIRST / "train.record.json", "which the plan's job does not read"),
    **{what: (answers(change), PREDICTED, named) for what, (change, named) in ANSWERED.items()},
    "the line ends of a table": (
        lambda: TABLE.write_bytes(TABLE.read_bytes().replace(b"\n", b"\r\n")),
        TABLE.parent / f"table-{TABLE.stem}.record.json",
        f"{TABLE}: is not what its inputs give, computed again",
    ),
    "a figure": (touch_up(FIGURE, r"\d\d\.", "99."), Path("reports/figures/figure-smoke-steps.record.json"), FIGURE),
    "a figure as PDF": (
        append(Path(FIGURE).with_suffix(".pdf")),
        Path("reports/figures/figure-smoke-steps.record.json"),
        str(Path(FIGURE).with_suffix(".pdf")),
    ),
    "the page": (touch_up("reports/index.html", r"\d\d\.\d\d", "99.99"), FINAL, "reports/index.html: is not what its"),
    "run times": (append("reports/runtime.csv"), FINAL, "reports/runtime.csv: is not what its inputs give"),
    "another Python in all records": (
        other_python_and_code,
        RAW / "generate.record.json",
        "src/meshcil/evaluation/metrics.py: has changed since",
    ),
    "modules from elsewhere": (preloaded_module, FIRST / "train.record.json", "ran with modules from /elsewhere"),
    "code in a package": (code_in_a_package, FINAL, "ran other modules than the plan's job does: meshcil.evaluation"),
}


@pytest.mark.tampering
@pytest.mark.parametrize("what", FORGED)
def test_a_forgery_with_all_records_after_it_and_the_anchor_is_named(checkout: Path, what: str) -> None:
    forge, start, expected = FORGED[what]
    forge()
    rewrite_history(start)
    findings = inspect().findings
    _cached_anew()
    assert any(expected in finding for finding in findings), findings


def test_a_linked_folder_is_read_and_named(checkout: Path) -> None:
    elsewhere = checkout.parent / "elsewhere"
    RUN.rename(elsewhere)
    RUN.symlink_to(elsewhere)
    assert inspect().findings == (f"{RUN}: is a link; put what it leads to in its place",)
    alter_predictions()
    assert any(
        finding.startswith(f"{RUN}/step1/predictions-robustness.parquet: has changed") for finding in inspect().findings
    )


def test_a_linked_file_is_named_though_its_bytes_are_the_same(checkout: Path) -> None:
    elsewhere = checkout.parent / "elsewhere.csv"
    TABLE.rename(elsewhere)
    TABLE.symlink_to(elsewhere)
    assert inspect().findings == (f"{TABLE}: is a link; put what it leads to in its place",)


@pytest.mark.parametrize(
    "path", ["reports/better.html", "reports/tables/better.csv", f"{TABLE.parent}/{TABLE.name.upper()}"]
)
def test_a_page_or_table_of_no_job_is_named(checkout: Path, path: str) -> None:
    write(Path(), {path: "99.99", "reports/.gitkeep": "", "reports/predictions/a-overlay.png": ""})
    assert inspect().findings == (f"{path}: was written by no job; move it out of reports",)


def test_a_second_record_of_an_output_is_named(checkout: Path) -> None:
    record = TABLE.parent / f"table-{TABLE.stem}.record.json"
    second = record.with_name("table-better.record.json")
    shutil.copy(record, second)
    assert any(finding.startswith(f"{second}: belongs to no experiment") for finding in inspect().findings)


def test_a_job_of_the_future_is_told(checkout: Path) -> None:
    path = FIRST / "train.record.json"
    rewrite(path, lambda content: content.update(ended="2999-01-01T00:00:00+00:00"))
    assert f"1 jobs end in the future, by the clock of this machine: {path}" in inspect().notes


def test_a_log_that_is_gone_or_in_another_order_is_named(checkout: Path) -> None:
    lines = log.LOG.read_text().splitlines(keepends=True)
    log.LOG.write_text("".join([lines[1], lines[0], *lines[2:]]))
    assert f"{log.LOG}: line 1 does not follow the one before it" in inspect().findings
    log.LOG.unlink()
    findings = inspect().findings
    assert sum(f"is not in {log.LOG}" in finding for finding in findings) == len(lines)


def test_a_job_of_no_experiment_is_named(checkout: Path) -> None:
    place = RUN.parent / "seed7"
    resolve.main(CONFIG, DATASET, "2-2", "icarl-smoke", "total-16", 7, place / "run.json")
    (finding,) = inspect().findings
    assert finding.startswith(f"{place}/resolve.record.json: belongs to no experiment in config")


def test_a_seed_that_was_made_and_deleted_leaves_a_gap(checkout: Path) -> None:
    place = RUN.parent / "seed7"
    resolve.main(CONFIG, DATASET, "2-2", "icarl-smoke", "total-16", 7, place / "run.json")
    shutil.rmtree(place)
    (finding,) = inspect().findings
    assert finding.startswith(f"{place}/resolve.record.json: was made, says {log.LOG}, and is gone")


def test_a_job_that_is_made_again_is_no_finding_but_is_told(checkout: Path) -> None:
    fabricate_job(planned_jobs(load_plan(["smoke"], CONFIG))[Path("results/tracking/track-smoke.record.json")])
    found = inspect()
    assert found.findings == () and any(note.startswith("1 jobs were made more than once") for note in found.notes)


def test_a_record_taken_out_of_the_log_is_missed_by_those_that_know_of_it(checkout: Path) -> None:
    lines = log.LOG.read_text().splitlines()
    before, kept = log.START, []
    for line in lines[:3] + lines[4:]:
        kept.append(f"{before} {line.partition(' ')[2]}")
        before = sha256_bytes(kept[-1].encode())
    log.LOG.write_text("\n".join(kept) + "\n")
    findings = inspect().findings
    assert any(finding.startswith(f"{log.LOG}: lacks a line that ") for finding in findings)


def hide_from_the_index(path: str) -> None:
    git(Path(), "update-index", "--assume-unchanged", path)


def hide_by_a_filter(path: str) -> None:
    Path(".git/info/attributes").write_text(f"{path} filter=hide\n")
    git(Path(), "config", "filter.hide.clean", f"git show HEAD:{path}")


def replace_the_commit(path: str) -> None:
    git(Path(), "add", path)
    git(Path(), "-c", "user.name=t", "-c", "user.email=t@t", "commit", "--quiet", "-m", "other")
    git(Path(), "replace", "HEAD~", "HEAD")
    git(Path(), "reset", "--quiet", "--soft", "HEAD~")


def hide_in_another_folder(path: str) -> None:
    original = Path("../original")
    git(Path(), "worktree", "add", "--quiet", "--detach", str(original))
    git(Path(), "config", "core.worktree", str(original.resolve()))


def hide_by_a_bare_repository(path: str) -> None:
    git(Path(), "config", "core.bare", "true")


def store(name: str, kind: bytes, content: bytes) -> None:
    """Put a content into git's store under a name that is not its own."""
    place = Path(".git/objects", name[:2], name[2:])
    place.unlink()
    place.write_bytes(zlib.compress(b"%s %d\0%s" % (kind, len(content), content)))


def hide_in_the_store(path: str) -> None:
    folder = str(Path(path).parent)
    tree = subprocess.check_output(["git", "rev-parse", f"HEAD:{folder}"], text=True).strip()
    before = subprocess.check_output(["git", "rev-parse", f"HEAD:{path}"], text=True).strip()
    now = subprocess.check_output(["git", "hash-object", "-w", path], text=True).strip()
    content = subprocess.check_output(["git", "cat-file", "tree", tree])
    store(tree, b"tree", content.replace(bytes.fromhex(before), bytes.fromhex(now)))


@pytest.mark.parametrize("hide", [hide_in_another_folder, hide_by_a_bare_repository])
def test_a_repository_that_says_its_files_lie_elsewhere_is_still_compared(
    checkout: Path, hide: Callable[[str], None]
) -> None:
    path = "src/meshcil/evaluation/metrics.py"
    append(path)()
    hide(path)
    assert changed_files(checkout) == [path]
    assert not any("git" in note for note in inspect().notes)


def test_a_store_of_git_that_holds_another_content_under_a_name_is_named(checkout: Path) -> None:
    path = "src/meshcil/evaluation/metrics.py"
    append(path)()
    hide_in_the_store(path)
    assert any("git's store holds another content under" in finding for finding in inspect().findings)


@pytest.mark.parametrize("hide", [hide_from_the_index, hide_by_a_filter, replace_the_commit])
def test_an_edit_that_git_is_told_to_hide_is_named(checkout: Path, hide: Callable[[str], None]) -> None:
    path = "src/meshcil/evaluation/metrics.py"
    append(path)()
    hide(path)
    findings = inspect().findings
    hidden = hide is not replace_the_commit
    assert any(f.startswith(f"{path}: is not the file of the commit, and git") for f in findings) == hidden, findings
    # Where git shows the replaced commit, nothing is hidden from the audit, which asks for the true one.
    assert hidden or changed_files(checkout) == [path]


def test_altered_documents_are_named(checkout: Path) -> None:
    readme = "# Here\n<!-- measured: begin -->\n| 39.58 |\n<!-- measured: end -->\n"
    write(Path(), {"README.md": readme, "docs/results/smoke.md": "39.58\n"})
    git(Path(), "add", "README.md", "docs")
    git(Path(), "-c", "user.name=t", "-c", "user.email=t@t", "commit", "--quiet", "-m", "documents")
    write(Path(), {"README.md": readme.replace("Here", "There")})
    assert inspect().findings == ()
    write(Path(), {"README.md": readme.replace("39.58", "84.59"), "docs/results/smoke.md": "84.59\n"})
    assert [finding.partition(":")[0] for finding in inspect().findings] == ["README.md", "docs/results/smoke.md"]


def test_deleted_predictions_are_named_with_a_remedy(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = RUN / "step1/predictions-robustness.parquet"
    path.unlink()
    with pytest.raises(SystemExit):
        show(inspect())
    printed = capsys.readouterr().out
    assert f"{path}: " in printed and "is made again by `make reproduce" in printed


def test_the_strength_of_a_verdict_is_said(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    show(inspect())
    show(inspect(anchor()))
    consistent, anchored = re.findall(r"Strength: (\w+)", capsys.readouterr().out)
    assert (consistent, anchored) == ("consistent", "anchored")


def test_a_missing_job_is_named(checkout: Path) -> None:
    (RUN / "step1/predict-robustness.record.json").unlink()
    assert any("is missing, although smoke has this job" in finding for finding in inspect().findings)
