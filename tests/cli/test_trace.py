"""From a number back to the data."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from meshcil.cli.application import app
from meshcil.cli.trace import as_json, find_trace
from meshcil.core.errors import InputError
from meshcil.lineage.trace import trace
from meshcil.reporting.table import from_texts, read_table
from meshcil.stages.command import run
from tests.cli.fabrication import RAW
from tests.cli.test_audit import RUN, TABLE, append, replace
from tests.reporting.conftest import judge_smoke

ROBUSTNESS = Path("reports/tables/smoke-robustness.csv")
NUMBER = ("--row", "icarl-smoke", "--column", "L2")


def call(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """Exit code, output and errors of `meshcil trace`."""
    with pytest.raises(SystemExit) as stop:
        run(app, ["trace", *map(str, arguments)])
    printed = capsys.readouterr()
    return int(stop.value.code or 0), printed.out, printed.err


def test_a_number_leads_to_its_predictions_and_on_to_the_data(checkout: Path) -> None:
    found = as_json(find_trace(ROBUSTNESS, "icarl-smoke", "L2"))
    number = found["number"]
    line = next(line for line in ROBUSTNESS.read_text().splitlines() if line.startswith("icarl-smoke"))
    assert number["column"] == "L2 [%]" and number["text"] in line.split(",")
    (source,) = number["sources"]
    assert source["method"] == "icarl-smoke" and "test set L2" in source["score"]
    assert f"{float(number['text']) / 100:.2f}" in source["score"]
    titles = [
        re.sub(r" primitives3d-tiny/2-2/icarl-smoke/(total-16|any) seed 0", "", job["title"]) for job in found["jobs"]
    ]
    assert titles[:5] == ["table smoke-robustness", "collect smoke", "resolve", "score", "predict step 1 robustness"]
    assert set(titles) == {
        *titles[:5],
        *(f"{stage} step {step}" for stage in ("train", "select") for step in (0, 1)),
        "prepare primitives3d-tiny",
        "generate primitives3d-tiny",
    }


SCORES = pd.DataFrame(
    [
        ["inemo", "iNeMo", "total-24", "0", "1", "9.00"],
        ["inemo", "iNeMo", "total-24", "1", "1", "9.00"],
        ["icarl", "iCaRL", "total-24", "0", "1", "9.00"],
        ["joint", "Joint", "none", "0", "1", "9.00"],
    ],
    columns=["method", "label", "budget", "step", "seeds", "last [%]"],
)


@pytest.mark.parametrize(
    ("row", "found"),
    [
        ("inemo/total-24/1", "inemo/total-24/1"),
        ("iNeMo/total-24/1", "inemo/total-24/1"),
        ("icarl", "icarl/total-24/0"),
        ("iCaRL", "icarl/total-24/0"),
        ("iCaRL/total-24", "icarl/total-24/0"),
    ],
)
def test_a_row_may_be_called_by_its_first_columns_or_its_label(row: str, found: str) -> None:
    table = from_texts(SCORES)
    assert table.keys[table.find_row(row, "t.csv")] == found


@pytest.mark.parametrize("row", ["inemo", "iNeMo", "inemo/total-24", "iNeMo/total-24", "inemo/total-24/0"])
def test_a_row_that_its_method_tells_from_others_has_longer_names_too(row: str) -> None:
    table = from_texts(SCORES.drop(index=1).reset_index(drop=True))
    assert table.keys[table.find_row(row, "t.csv")] == "inemo"


@pytest.mark.parametrize(
    ("row", "remedy"),
    [
        ("inemo", "It fits: inemo/total-24/0, inemo/total-24/1"),
        ("iNeMo/total-24", "It fits: inemo/total-24/0, inemo/total-24/1"),
        ("jont", "Rows: inemo/total-24/0, inemo/total-24/1, icarl/total-24/0, joint/none/0"),
    ],
)
def test_a_row_that_is_none_or_several_is_answered_with_candidates(row: str, remedy: str) -> None:
    with pytest.raises(InputError) as refused:
        from_texts(SCORES).find_row(row, "t.csv")
    assert (refused.value.cause, refused.value.remedy) == (f"has no single row `{row}`", remedy)


def test_a_row_is_found_by_budget_and_label_in_a_table_of_ours(checkout: Path) -> None:
    numbers = [as_json(find_trace(TABLE, row, "last"))["number"] for row in ("icarl-smoke", "icarl-smoke/total-16")]
    numbers.append(as_json(find_trace(TABLE, read_table(TABLE).names["label"][1], "last"))["number"])
    assert numbers[0] == numbers[1] == numbers[2] and numbers[0]["row"] == "icarl-smoke"


def test_an_average_needs_the_predictions_of_every_step(checkout: Path) -> None:
    jobs = as_json(find_trace(TABLE, "icarl-smoke", "average"))["jobs"]
    predicted = {
        (int(j["content"]["key"]["step"]), j["content"]["name"]) for j in jobs if j["title"].startswith("predict")
    }
    assert predicted == {(0, "clean"), (1, "robustness")}


def test_bytes_come_from_the_ledger_and_not_from_predictions(checkout: Path) -> None:
    found = as_json(find_trace(Path("reports/tables/smoke-memory.csv"), "icarl-smoke/total-16/0", "carry"))
    stages = [job["title"].split()[0] for job in found["jobs"]]
    assert "predict" not in stages and stages.count("select") == 1
    assert "carry_bytes 1000" in found["number"]["sources"][0]["score"]


def test_the_difference_of_a_claim_leads_to_both_sides(checkout: Path) -> None:
    judge_smoke()
    path = Path("reports/tables/claims.csv")
    table = read_table(path)
    row = next(key for key, text in zip(table.keys, table.names["difference"], strict=True) if text)
    found = as_json(find_trace(path, row, "difference"))
    assert {source["method"] for source in found["number"]["sources"]} == {"inemo-smoke", "icarl-smoke"}
    predicted = {job["content"]["key"]["method"] for job in found["jobs"] if job["title"].startswith("predict")}
    assert predicted == {"inemo-smoke", "icarl-smoke"}


def test_a_file_leads_to_every_job_before_it(checkout: Path) -> None:
    chain = trace(Path("reports/index.html"))
    records = {path.as_posix() for path in Path().glob("[dr]*/**/*.record.json")}
    assert set(chain.links) == {path for path in records if "track-" not in path}
    assert not chain.altered and not any(link.altered for link in chain.links.values())


def test_a_file_in_a_folder_and_a_record_can_be_traced(checkout: Path) -> None:
    assert trace(RAW / "Images/car_imagenet/n01.JPEG").root == f"{RAW}/generate.record.json"
    assert trace(RAW / "generate.record.json").root == f"{RAW}/generate.record.json"


def test_the_tree_says_how_it_was_made(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = {f"{RUN}/score.record.json": "0123abcd"}
    Path("results/tracking/smoke.json").write_text(json.dumps({"runs": runs}))
    Path("dvc.lock").write_text("stages:\n  s:\n    outs: [{path: results/runs, hash: md5, md5: fedc98.dir}]\n")
    code, out, _ = call(capsys, ROBUSTNESS, *NUMBER)
    record = json.loads((RUN / "score.record.json").read_text())
    assert code == 0 and out.startswith("icarl-smoke, L2 [%] = ")
    shared, score = (next(line for line in out.splitlines() if text in line) for text in ("all 12 jobs", "0123abcd"))
    assert f"commit {record['source']['commit'][:12]}, clean" in shared
    for text in ("lock", "host", "device cpu", "python"):
        assert text in shared
    assert "DVC md5 fedc98.dir" in score and record["started"][:10] in score
    assert "method: kind icarl;" in out and "budget total-16; seed 0" in out and "generator: kind primitives3d" in out
    assert "altered" not in out


def test_what_was_altered_is_marked(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    append(ROBUSTNESS)()
    replace(RUN.parents[1] / "any/seed0/step0/train.record.json", '"pipeline": null', '"pipeline": "other"')()
    marked = [line for line in call(capsys, ROBUSTNESS)[1].splitlines() if "altered since it was recorded" in line]
    assert len(marked) == 2 and "train step 0" in marked[1]


def test_the_page_draws_every_job(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, ROBUSTNESS, *NUMBER, "--html", "trace.html")
    page = Path("trace.html").read_text()
    assert code == 0 and out == ""
    assert page.count("<article") == page.count("<rect") == 12
    # The graph has as many arrows as the chain has links.
    chain = as_json(find_trace(ROBUSTNESS, "icarl-smoke", "L2"))
    assert page.count("<path d=") == sum(len(job["parents"]) for job in chain["jobs"])
    assert "http" not in page and "<script" not in page


def test_json_is_printed_for_machines(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(call(capsys, TABLE, "--json")[1])
    assert found["file"] == str(TABLE) and found["number"] is None
    assert found["jobs"][0]["content"]["outputs"][0]["sha256"] == found["sha256"]


def folder_instead() -> None:
    (RUN / "score.record.json").unlink()
    (RUN / "score.record.json").mkdir()


REFUSED: dict[str, tuple[Callable[[], object], tuple, str]] = {
    "no such file": (lambda: None, ("none.csv",), "none.csv: does not exist"),
    "no record": (lambda: None, ("requirements.lock",), "requirements.lock: has no record"),
    "no such row": (lambda: None, (TABLE, "--row", "nemo", "--column", "last"), "has no single row `nemo`"),
    "no such column": (lambda: None, (TABLE, "--row", "icarl-smoke", "--column", "L9"), "has no single column `L9`"),
    "row without column": (lambda: None, (TABLE, "--row", "icarl-smoke"), "--row, --column: name a number only"),
    "no table": (lambda: None, (RUN / "scores.csv", *NUMBER), "was not written by the `table` stage"),
    "missing record": ((RUN / "score.record.json").unlink, (TABLE,), "score.record.json: does not exist"),
    "truncated record": (
        lambda: (RUN / "score.record.json").write_text('{"stage": '),
        (TABLE,),
        "score.record.json: is not valid JSON",
    ),
    "newer record": (
        replace(RUN / "score.record.json", '"schema_version": 1', '"schema_version": 9'),
        (TABLE,),
        "is a record of layout 9",
    ),
    "folder": (folder_instead, (TABLE,), "score.record.json: is not a file"),
    "damaged scores": (
        lambda: Path("results/experiments/smoke.csv").write_text("a,b\n1,2\n"),
        (TABLE, "--row", "icarl-smoke", "--column", "last"),
        "results/experiments/smoke.csv: lacks the columns",
    ),
    "damaged list of runs": (
        lambda: Path("results/tracking/smoke.json").write_text("[]"),
        (TABLE,),
        "results/tracking/smoke.json: does not list runs",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_one_message(checkout: Path, capsys: pytest.CaptureFixture[str], case: str) -> None:
    spoil, arguments, message = REFUSED[case]
    spoil()
    code, out, err = call(capsys, *arguments)
    assert code == 2 and out == "" and message in err and len(err.splitlines()) == 1, err


def test_a_trace_loads_neither_torch_nor_mlflow(finished: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(finished, tmp_path / "checkout")
    script = (
        "import sys; from meshcil.cli.trace import find_trace, as_tree; from pathlib import Path;"
        f"as_tree(find_trace(Path('{ROBUSTNESS}'), 'icarl-smoke', 'L2'));"
        "assert not {'torch', 'mlflow', 'dvc'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], cwd=folder, check=True)
