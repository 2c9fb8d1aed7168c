"""The audit names whatever was altered, and passes what was not."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from meshcil.cli.application import app
from meshcil.cli.audit import inspect
from meshcil.config.run import load_run
from meshcil.core.hashing import sha256_bytes
from meshcil.lineage import log
from meshcil.lineage.anchor import ANCHOR, FINAL, anchor, anchor_text
from meshcil.lineage.files import file_facts
from meshcil.lineage.inputs import predictions_of
from meshcil.reporting.scores import read_scores
from meshcil.stages import resolve
from meshcil.stages.collect import collected
from meshcil.stages.command import run
from meshcil.stages.plan import load_plan
from meshcil.stages.score import scores_text
from meshcil.stages.table import table_texts
from tests.cli.fabrication import CONFIG, DATASET, PREPARED, RAW, write

RUN = Path("results/runs/primitives3d-tiny/2-2/icarl-smoke/total-16/seed0")
FIRST = RUN.parents[1] / "any/seed0/step0"
TABLE = Path("reports/tables/smoke-summary.csv")


pytestmark = pytest.mark.usefixtures("locked_packages")


def replace(path: str | Path, before: str, after: str) -> Callable[[], None]:
    """Edit that replaces one occurrence in a text file."""

    def edit() -> None:
        text = Path(path).read_text()
        assert before in text
        Path(path).write_text(text.replace(before, after, 1))

    return edit


def append(path: str | Path) -> Callable[[], None]:
    """Edit that adds a byte."""
    return lambda: Path(path).write_bytes(Path(path).read_bytes() + b"\n")


def alter_predictions() -> None:
    path = RUN / "step1/predictions-robustness.parquet"
    frame = pd.read_parquet(path)
    seen = load_run(RUN / "run.json").seen(1)
    scores = [[float(name == true) for name in seen] for true in frame["true_class"]]
    frame.assign(predicted_class=frame["true_class"], scores=scores).to_parquet(path, index=False)


# What is altered -> how, and what the finding must begin with.
ALTERED: dict[str, tuple[Callable[[], None], str]] = {
    "image": (append(RAW / "Images/car_imagenet/n01.JPEG"), f"{RAW}: has changed"),
    "annotation": (append(RAW / "Annotations/car_imagenet/n01.mat"), f"{RAW}: has changed"),
    "new image": (lambda: (RAW / "n02.JPEG").write_text("x"), f"{RAW}: has changed"),
    "prepared shard": (append(PREPARED / "train.parquet"), f"{PREPARED}/train.parquet: has changed"),
    "resolved run": (append(RUN / "run.json"), f"{RUN}/run.json: has changed"),
    "checkpoint": (append(FIRST / "state.safetensors"), f"{FIRST}/state.safetensors: has changed"),
    "curve": (append(FIRST / "epochs.csv"), f"{FIRST}/epochs.csv: has changed"),
    "exemplar list": (append(RUN / "step0/exemplars.json"), f"{RUN}/step0/exemplars.json: has changed"),
    "ledger": (replace(RUN / "step1/ledger.csv", "2000", "2001"), f"{RUN}/step1/ledger.csv: has changed"),
    "predictions": (alter_predictions, f"{RUN}/step1/predictions-robustness.parquet: has changed"),
    "scores": (replace(RUN / "scores.csv", "0.", "0.9"), f"{RUN}/scores.csv: has changed"),
    "collected scores": (
        append("results/experiments/smoke.csv"),
        "results/experiments/smoke.csv: has changed",
    ),
    "headline numbers": (
        append("results/experiments/smoke.metrics.json"),
        "results/experiments/smoke.metrics.json: has changed",
    ),
    "table in LaTeX": (
        append(TABLE.with_suffix(".tex")),
        f"{TABLE.with_suffix('.tex')}: is not what its inputs give, computed again",
    ),
    "table": (replace(TABLE, "iCaRL", "iCarl"), f"{TABLE}: has changed"),
    "figure": (append("reports/figures/smoke-steps.svg"), "reports/figures/smoke-steps.svg: has changed"),
    "page": (append("reports/index.html"), "reports/index.html: has changed"),
    "record": (
        replace(FIRST / "train.record.json", '"dirty": false', '"dirty": true'),
        f"{FIRST}/train.record.json: is not the record",
    ),
    "deleted record": ((FIRST / "train.record.json").unlink, f"{FIRST}/train.record.json: is missing"),
    "record of the report": (append(FINAL), f"{FINAL}: is not the record that {ANCHOR} names"),
    "anchor": (
        lambda: ANCHOR.write_text("0" * 64 + f"  {FINAL.name}\n"),
        f"{FINAL}: is not the record that {ANCHOR} names",
    ),
    "configuration of a method": (
        replace("config/methods/icarl.yaml", "label: iCaRL (smoke)", "label: iCarl (smoke)"),
        "config/methods/icarl.yaml: has changed (`method.label` was 'iCaRL (smoke)', is 'iCarl (smoke)')",
    ),
    "configuration of a dataset": (
        replace("config/datasets/primitives3d-tiny.yaml", "focal: 250.0", "focal: 251.0"),
        "config/datasets/primitives3d-tiny.yaml: has changed (`focal`",
    ),
    "configuration of an experiment": (
        replace("config/experiments/smoke.yaml", "kind: summary", "kind: budget"),
        "config/experiments/smoke.yaml: has changed (`kind`",
    ),
    "deleted configuration": (
        Path("config/methods/icarl.yaml").unlink,
        "config/methods/icarl-smoke.yaml: does not exist, and the report was made from it",
    ),
    "source file": (
        replace("src/meshcil/evaluation/metrics.py", "import", "import os\nimport"),
        "src/meshcil/evaluation/metrics.py: has changed",
    ),
    "lock file": (append("requirements.lock"), "requirements.lock: has changed"),
    "log": (lambda: log.LOG.write_text(log.LOG.read_text().partition("\n")[2]), f"{log.LOG}: line 1 does not follow"),
    "end of the log": (
        lambda: log.LOG.write_text(log.LOG.read_text().rpartition(" ")[0].rpartition("\n")[0] + "\n"),
        "results/tracking/track-smoke.record.json: is not in",
    ),
    "results of tracking": (append("results/tracking/smoke.json"), "results/tracking/smoke.json: has changed"),
}


def test_an_untouched_tree_passes(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        run(app, ["audit"])
    printed = capsys.readouterr().out
    assert stop.value.code == 0, printed
    assert f"anchor: {anchor()}" in printed and "OK: " in printed


@pytest.mark.tampering
@pytest.mark.parametrize("what", ALTERED)
def test_what_was_altered_is_named(checkout: Path, what: str) -> None:
    alter, expected = ALTERED[what]
    alter()
    findings = inspect().findings
    assert any(finding.startswith(expected) for finding in findings), findings


def test_comments_and_layout_of_configuration_and_code_may_change(checkout: Path) -> None:
    for path in (
        "config/methods/icarl.yaml",
        "config/recipes/laptop.yaml",
        "config/experiments/smoke.yaml",
        "src/meshcil/lineage/audit.py",
    ):
        Path(path).write_text("# A remark.\n" + Path(path).read_text())
    assert inspect().findings == ()


def test_differences_are_listed_with_exit_code_1(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    append(TABLE)()
    with pytest.raises(SystemExit) as stop:
        run(app, ["audit"])
    printed = capsys.readouterr().out
    assert stop.value.code == 1 and f"{TABLE}: has changed" in printed and "differences" in printed


OTHER = Path("results/runs/primitives3d-tiny/2-2/icarl-smoke/total-8/seed0")


def damage_other_record() -> None:
    (OTHER / "resolve.record.json").write_text("{")


# What is altered of a run that the report does not show -> how, and what the note must name.
BESIDE: dict[str, tuple[Callable[[], None], str]] = {
    "resolved run": (append(OTHER / "run.json"), f"{OTHER}/run.json"),
    "record": (damage_other_record, f"{OTHER}/resolve.record.json"),
}


@pytest.fixture
def other_experiment(checkout: Path) -> None:
    """Jobs of an experiment that the report does not show: several budgets."""
    text = Path("config/experiments/smoke.yaml").read_text().replace("name: smoke-", "name: other-")
    text = text.replace(
        "budgets: [total-16]", "budgets: [total-10, total-9, total-8, total-7, total-6, total-5, total-4]"
    )
    Path("config/experiments/other.yaml").write_text(text.replace("budget: total-16", "budget: total-8"))
    resolve.main(CONFIG, DATASET, "2-2", "icarl-smoke", "total-8", 0, OTHER / "run.json")


@pytest.mark.parametrize("what", BESIDE)
def test_what_the_report_does_not_rest_on_is_no_finding_but_is_told(other_experiment: None, what: str) -> None:
    before = inspect()
    assert before.findings == () and not any("differences" in note for note in before.notes)
    assert any("1 records are not behind the report" in note for note in before.notes)
    alter, named = BESIDE[what]
    alter()
    found = inspect()
    assert found.findings == () and found.jobs == before.jobs
    (note,) = [note for note in found.notes if "differences" in note]
    assert note.startswith("1 differences touch only records that are not behind the report: ") and named in note


def test_a_damaged_record_of_tracking_is_a_finding_though_the_report_does_not_rest_on_it(checkout: Path) -> None:
    record = Path("results/tracking/track-smoke.record.json")
    record.write_text("{")
    assert [finding.split(":")[0] for finding in inspect().findings] == [record.as_posix()]


def test_many_differences_beside_the_report_are_counted(other_experiment: None) -> None:
    for count in range(4, 11):
        place = OTHER.parents[1] / f"total-{count}/seed0"
        resolve.main(CONFIG, DATASET, "2-2", "icarl-smoke", f"total-{count}", 0, place / "run.json")
        write(place, {"run.json": "{}"})
    (note,) = [note for note in inspect().notes if "differences" in note]
    assert note.startswith("7 differences ") and note.endswith("/run.json and 2 more")


def rewrite(path: Path, change: Callable[[dict], None]) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")


def rewrite_history(start: Path) -> None:
    """Bring every record up to date with the files, in the order of the chain, the log with them, and the anchor."""
    order = sorted(Path().glob("[dr]*/**/*.record.json"), key=lambda p: json.loads(p.read_text())["ended"])
    lines, first = [log.START], order.index(start)
    for position, path in enumerate(order):

        def refresh(content: dict) -> None:
            for entry in (*content["inputs"], *content["outputs"]):
                if entry["base"] == "work":
                    entry |= file_facts(Path(entry["path"])).model_dump()
            for parent in content["parents"]:
                parent["sha256"] = file_facts(Path(parent["path"])).sha256
            content["log"] = head(lines)

        if position >= first:
            rewrite(path, refresh)
        if log.is_logged(path):
            lines.append(f"{head(lines)} {file_facts(path).sha256} {path}")
    log.LOG.write_text("\n".join(lines[1:]) + "\n")
    ANCHOR.write_text(anchor_text(FINAL))


def head(lines: list[str]) -> str:
    return sha256_bytes(lines[-1].encode()) if lines[1:] else log.START


def test_a_table_that_was_altered_with_all_records_after_it_is_caught_by_computing_it_again(checkout: Path) -> None:
    text = TABLE.read_text()
    number = re.search(r"\d\d\.\d\d", text)
    assert number is not None
    TABLE.write_text(text.replace(number[0], "99.99", 1))
    before = anchor()
    rewrite_history(Path("reports/tables/table-smoke-summary.record.json"))
    assert inspect().findings == (f"{TABLE}: is not what its inputs give, computed again",)
    assert f"{FINAL}: is not the record that {before} names" in inspect(before).findings


def test_only_the_anchor_shows_predictions_that_were_altered_with_everything_after_them(checkout: Path) -> None:
    before = anchor()
    alter_predictions()
    rewrite_history(RUN / "step1/predict-robustness.record.json")
    assert any("is not what its inputs give" in finding for finding in inspect().findings)
    recompute_everything()
    rewrite_history(RUN / "step1/predict-robustness.record.json")
    assert inspect().findings == ()
    assert inspect(before).findings == (f"{FINAL}: is not the record that {before} names",)


def recompute_everything() -> None:
    plan = load_plan(["smoke"], Path("config"))
    folders = [Path("results/runs") / key.path for key in plan.members["smoke"]]
    for key, folder in zip(plan.members["smoke"], folders, strict=True):
        ledgers = [folder / f"step{k}/ledger.csv" for k in (0, 1)]
        text = scores_text(load_run(folder / "run.json"), [Path(p) for p in predictions_of(plan, key)], ledgers)
        (folder / "scores.csv").write_text(text)
    scores = Path("results/experiments/smoke.csv")
    text, numbers = collected([f / "scores.csv" for f in folders], [f / "run.json" for f in folders], [])
    scores.write_text(text)
    scores.with_suffix(".metrics.json").write_text(json.dumps(numbers, indent=1, sort_keys=True) + "\n")
    for artifact in plan.experiments["smoke"].tables:
        texts = table_texts(artifact, read_scores(scores), Path("none"))
        for suffix, text in zip((".csv", ".tex"), texts, strict=True):
            Path(f"reports/tables/{artifact.name}{suffix}").write_text(text)


@pytest.mark.tampering
def test_dvc_lock(checkout: Path) -> None:
    def dvc(*arguments: str) -> None:
        subprocess.run([sys.executable, "-m", "dvc", *arguments], check=True, capture_output=True)

    Path("dvc.yaml").write_text(f"stages:\n  table:\n    cmd: 'true'\n    outs:\n      - {TABLE}: {{cache: false}}\n")
    dvc("init", "--no-scm", "--quiet")
    dvc("commit", "--force", "--quiet")
    assert inspect().findings == ()
    intact = Path("dvc.lock").read_text()
    digest = re.search(r"md5: (\w+)", intact)
    assert digest is not None
    Path("dvc.lock").write_text(intact.replace(digest[1], "ab" * 16))
    assert inspect().findings == (f"{TABLE}: is modified by dvc.lock (out of stage table)",)
    Path("dvc.lock").write_text(intact[:-20] + "\n : ]")
    assert [finding.split(":")[0] for finding in inspect().findings] == ["dvc.lock"]


def test_an_edited_template_is_named(checkout: Path, locked_packages: None) -> None:
    assert inspect().findings == ()
    page = Path("src/meshcil/reporting/templates/report.css")
    page.write_text(page.read_text() + "p {color: red}\n")
    (finding,) = inspect().findings
    assert finding.startswith(f"{page.parent}: has changed since ")
