"""Numbers of the page, computed again from stored predictions and ledgers by code that shares nothing with ours."""

import json
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

pytestmark = [pytest.mark.workflow, pytest.mark.timeout(900)]
RUNS = "results/runs/primitives3d-tiny/2-2"
PI = 3.141592653589793
SEEN = {0: ["aeroplane", "bottle"], 1: ["aeroplane", "bottle", "car", "chair"]}


class Cells(HTMLParser):
    """(file, row, column) -> text of every cell of the page that names its place in a table."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: dict[tuple[str, str, str], str] = {}
        self.place: tuple[str, str, str] | None = None
        self.small = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = {name: value or "" for name, value in attrs}
        if "data-file" in names:
            self.place = names["data-file"], names["data-row"], names["data-column"]
            self.found.setdefault(self.place, "")
        self.small = tag in ("small", "span")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "dd"):
            self.place = None
        self.small = False

    def handle_data(self, data: str) -> None:
        if self.place and not self.small and not self.found[self.place]:
            self.found[self.place] = data.strip().replace("\u202f", "")


def predictions(folder: Path, method: str) -> pd.DataFrame:
    """All stored predictions of a method, the first step's from where it is shared."""
    places = [
        folder / RUNS / method / "any/seed0/step0",
        *sorted((folder / RUNS / method).glob("total-16/seed0/step*")),
    ]
    files = sorted({path.resolve() for place in places for path in place.glob("predictions-*.parquet")})
    table = pd.concat([pd.read_parquet(path) for path in files], ignore_index=True)
    return table.drop_duplicates(["step", "test_set", "sample_id"])


def percent(rows: pd.DataFrame, right: "pd.Series[bool]") -> float:
    return 100 * right.sum() / len(rows)


def expected(folder: Path, method: str) -> dict[tuple[str, str], float]:
    """(table, column) -> number, for one method."""
    table = predictions(folder, method)
    table = table[[row.true_class in SEEN[row.step] for row in table.itertuples()]]
    table["right"] = table["true_class"] == table["predicted_class"]

    def accuracy(step: int, test_set: str, classes: list[str] | None = None) -> float:
        rows = table[(table["step"] == step) & (table["test_set"] == test_set)]
        rows = rows if classes is None else rows[rows["true_class"].isin(classes)]
        return percent(rows, rows["right"])

    found = {
        ("smoke-summary", "average [%]"): (accuracy(0, "clean") + accuracy(1, "clean")) / 2,
        ("smoke-summary", "last [%]"): accuracy(1, "clean"),
        ("smoke-summary", "forgetting [%]"): accuracy(0, "clean", SEEN[0]) - accuracy(1, "clean", SEEN[0]),
        ("smoke-steps", "2 classes [%]"): accuracy(0, "clean"),
        ("smoke-steps", "4 classes [%]"): accuracy(1, "clean"),
    }
    last = table[(table["step"] == 1) & (table["test_set"] == "clean")]
    for name, limit in (("pose pi/6", PI / 6), ("pose pi/18", PI / 18)):
        found["smoke-summary", f"{name} [%]"] = percent(last, last["pose_error"] < limit)
    for test_set in table.loc[table["step"] == 1, "test_set"].unique():
        found["smoke-robustness", f"{test_set} [%]"] = accuracy(1, test_set)
    return found


def held(folder: Path, method: str) -> dict[tuple[str, str, str], float]:
    """(table, row, column) -> bytes and exemplars held after each step; in MiB after the last."""
    found = {}
    for step in (0, 1):
        ledger = pd.read_csv(folder / RUNS / method / f"total-16/seed0/step{step}/ledger.csv")
        row = "smoke-memory", f"{method}/total-16/{step}"
        sizes = {
            name: ledger.loc[ledger[name].astype(bool), "bytes"].sum() for name in ("paper", "deploy", "carry", "peak")
        }
        found |= {(*row, f"{name} [bytes]"): size for name, size in sizes.items()}
        found[(*row, "exemplars")] = chosen = ledger["exemplars"].iloc[0]
        found[(*row, "step")] = step
    found["smoke-budget", method, "carried [MiB]"] = sizes["carry"] / 2**20
    found["smoke-budget", method, "paper [MiB]"] = sizes["paper"] / 2**20
    found["smoke-budget", method, "exemplars"] = chosen
    return found


def times(folder: Path) -> dict[tuple[str, str, str], float]:
    """(table, row, column) -> number of jobs and seconds of each stage, from the records of the jobs."""
    seconds: dict[str, list[float]] = {}
    for path in folder.rglob("*.record.json"):
        record = json.loads(path.read_text())
        if record["stage"] not in ("report", "track"):
            seconds.setdefault(record["stage"], []).append(record["seconds"])
    found: dict[tuple[str, str, str], float] = {}
    for stage, values in seconds.items():
        found["runtime", stage, "jobs"], found["runtime", stage, "total [s]"] = len(values), sum(values)
        found["runtime", stage, "mean [s]"] = sum(values) / len(values)
        found["runtime", stage, "longest [s]"] = max(values)
    return found


def compare(folder: Path) -> tuple[int, list[object]]:
    """How many numbers of the page were computed again, and which differ or are not on the page."""
    cells = Cells((folder / "reports/index.html").read_text(encoding="utf-8")).found
    numbers = times(folder)
    for method in ("inemo-smoke", "icarl-smoke"):
        scores = expected(folder, method)
        numbers |= {(name, method, column): value for (name, column), value in scores.items()} | held(folder, method)
        for column in ("average [%]", "last [%]"):
            numbers["smoke-budget", method, column] = scores["smoke-summary", column]
    wrong: list[object] = []
    for (name, row, column), value in numbers.items():
        text = cells.get((f"{'' if name == 'runtime' else 'tables/'}{name}.csv", row, column))
        # Rounded to what is shown; halves may go either way.
        if text is None or abs(float(text) - value) > 0.5001 * 10 ** -len(text.partition(".")[2]):
            wrong.append((name, row, column, text, value))
    return len(numbers), wrong


def test_numbers_of_the_page_follow_from_what_was_stored(smoke: Path) -> None:
    count, wrong = compare(smoke)
    assert not wrong
    assert count >= 80
