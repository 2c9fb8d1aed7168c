"""Made-up scores in the layout of results/experiments/<E>.csv, and the files of a report made from them."""

import contextlib
import io
import json
import math
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pandas as pd
import pytest
from matplotlib import rc_context
from matplotlib.figure import Figure
from PIL import Image

from meshcil.config.claims import load_claims
from meshcil.config.experiment import Artifact, load_experiment, run_keys
from meshcil.config.run import RunKey
from meshcil.evaluation.contrast import interval
from meshcil.reporting.kinds import build_table, make
from meshcil.reporting.scores import COLUMNS, keep, kind_of
from meshcil.reporting.shown import Shown, read_shown
from meshcil.reporting.style import RC
from meshcil.reporting.table import Table
from meshcil.stages import claims, figure, resolve, table

REPOSITORY = Path(__file__).parents[2]

CLASSES = ["aeroplane", "bicycle", "boat", "bottle", "bus", "car"]
PICTURED, PER_CLASS = ["bus", "car", "sofa"], 3
"""Classes of the made-up test images, and how many images each has."""
TEST_SETS = ["clean", "L1", "L2", "L3", "shape", "weather"]
METHODS = {"inemo": ("iNeMo", 0.92), "icarl": ("iCaRL", 0.82), "finetune": ("Finetune", 0.6)}


def run_rows(method: str, budget: str, seed: int, steps: int = 3) -> list[dict[str, object]]:
    """Scores of one made-up run of two classes per step."""
    label, level = METHODS[method]
    generator = numpy.random.default_rng([seed, sum(map(ord, method + budget))])
    run = {"dataset": "primitives3d", "protocol": "2-2-2", "method": method, "label": label, "kind": method}
    names = {**run, "budget": budget, "seed": seed}
    rows: list[dict[str, object]] = []

    def add(step: int, test_set: str, metric: str, value: float, task: str = "", class_name: str = "") -> None:
        found = {"step": step, "test_set": test_set, "task": task, "class_name": class_name, "metric": metric}
        rows.append({**names, **found, "value": value, "count": 40})

    images = 0 if budget == "none" else int(budget.split("-")[1])
    curve = []
    for step in range(steps):
        for test_set in TEST_SETS if step == steps - 1 else ["clean"]:
            drop = 0.1 * TEST_SETS.index(test_set) + 0.06 * step
            accuracy = max(0.05, level - drop + generator.normal(0, 0.01))
            curve += [accuracy] if test_set == "clean" else []
            add(step, test_set, "accuracy", accuracy)
            if method != "finetune":
                add(step, test_set, "pose_accuracy_pi6", accuracy * 0.8)
                add(step, test_set, "pose_accuracy_pi18", accuracy * 0.4)
            for task in range(step + 1):
                add(step, test_set, "accuracy", accuracy - 0.1 * (step - task), task=str(task))
            for name in CLASSES[: 2 * (step + 1)]:
                add(step, test_set, "accuracy", accuracy, class_name=name)
        for ledger, size in (("paper", 3.0e6), ("deploy", 3.2e6), ("carry", 3.3e6), ("peak", 9.9e6)):
            add(step, "", f"{ledger}_bytes", size + 27648 * images)
        add(step, "", "exemplars", images)
    add(steps - 1, "clean", "average_incremental_accuracy", float(numpy.mean(curve)))
    add(steps - 1, "clean", "last_accuracy", curve[-1])
    if steps > 1:
        add(steps - 1, "clean", "forgetting_before_last", curve[0] - curve[-1] + 0.1)
    return rows


def artifact(kind: str, **options: object) -> Artifact:
    """Settings of a table or figure."""
    return Artifact(name="t", kind=kind, caption="c", options=options)


def table_of(kind: str, scores: pd.DataFrame, **options: object) -> Table:
    """A table of a kind with these options."""
    return build_table(artifact(kind, **options), scores)


def cells_of(kind: str, scores: pd.DataFrame, **options: object) -> pd.DataFrame:
    """Its cells, not yet as text, by heading."""
    return pd.DataFrame({part.heading: part.cells for part in table_of(kind, scores, **options).parts()})


def figure_of(kind: str, scores: pd.DataFrame, **options: object) -> Figure:
    """A figure of a kind with these options."""
    return drawn("figures", kind, keep(scores, {}, "t"), **options)


def drawn(folder: str, kind: str, source: object, **options: object) -> Any:
    """What a kind of figure or picture draws."""
    with rc_context(RC):
        return make(folder, "draw", artifact(kind, **options), source)


@pytest.fixture(scope="session")
def scores_of() -> Callable[..., pd.DataFrame]:
    """Scores of several runs, each given as the arguments of `run_rows`."""

    def build(*runs: tuple[str, str, int] | tuple[str, str, int, int]) -> pd.DataFrame:
        return pd.DataFrame([row for run in runs for row in run_rows(*run)], columns=COLUMNS)

    return build


@pytest.fixture
def scores(scores_of: Callable[..., pd.DataFrame]) -> pd.DataFrame:
    """Three methods, two seeds each."""
    runs = (("inemo", "total-96"), ("icarl", "total-96"), ("finetune", "none"))
    return scores_of(*((method, budget, seed) for method, budget in runs for seed in (0, 1)))


@pytest.fixture
def sweep(scores_of: Callable[..., pd.DataFrame]) -> pd.DataFrame:
    """Two methods, three budgets, one seed."""
    return scores_of(*((method, f"total-{n}", 0) for method in ("inemo", "icarl") for n in (96, 24, 48)))


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory, scores_of: Callable[..., pd.DataFrame]) -> Path:
    """Folder with the settings, runs, scores, tables and figures of `smoke`, all numbers made up."""
    folder = tmp_path_factory.mktemp("made")
    with contextlib.chdir(folder):
        shutil.copytree(REPOSITORY / "config", "config")
        experiment = load_experiment("smoke", Path("config"))
        scores = Path("results/experiments/smoke.csv")
        scores.parent.mkdir(parents=True)
        pd.concat([made_up_run(key, scores_of) for key in run_keys(experiment)]).to_csv(scores, index=False)
        common = {"config": Path("config"), "experiment": "smoke", "scores": scores}
        for settings in experiment.tables:
            table.main(**common, name=settings.name, out=Path(f"reports/tables/{settings.name}.csv"))
        for settings in (drawn for drawn in experiment.figures if drawn.run is None):
            figure.main(**common, name=settings.name, out=Path(f"reports/figures/{settings.name}.svg"))
        claims.main(config=Path("config"), scores=[scores], out=Path("reports/tables/claims.csv"))
    return folder


def made_up_run(key: RunKey, scores_of: Callable[..., pd.DataFrame]) -> pd.DataFrame:
    """Resolve a run for real, and make up its scores."""
    names = key.model_dump()
    resolve.main(config=Path("config"), out=Path("results/runs", key.path, "run.json"), **names)
    made_up = scores_of((key.method.removesuffix("-smoke"), key.budget, key.seed, 2))
    return made_up.assign(**names, label=f"{key.method} <&>")


@pytest.fixture
def workplace(made_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it to work in."""
    folder = tmp_path / "work"
    shutil.copytree(made_once, folder)
    monkeypatch.chdir(folder)
    return folder


def judge_smoke() -> None:
    """Judge iNeMo's claims by the methods of `smoke`, in the working folder."""
    file = Path("config/claims/inemo.yaml")
    text, count = re.subn(r"(&mesh\s*\{?\s*method:\s*)\[[^\]]*\]", r"\1[inemo-smoke]", file.read_text())
    assert count == 1
    file.write_text(text)
    claims.main(Path("config"), [Path("results/experiments/smoke.csv")], Path("reports/tables/claims.csv"))


@pytest.fixture
def keep_scores() -> Callable[..., None]:
    """Keep scores of an experiment in the working folder: its name, the claim that they measure, the data, and seeds.

    The contrast comes to +2.34 points, and from three seeds on its interval to +1.11 to +3.57.
    """

    def keep(name: str, claim: str, data: str, seeds: int) -> None:
        (found,) = [one for block in load_claims(Path("config")) for one in block.claims if one.name == claim]
        dataset, protocol, *rest = data.split(", ")
        rows = []
        for weight, term in zip((1, 0), found.terms, strict=True):
            method = str(term.select.get("method", term.select.get("kind", ["replay"]))[0])
            kind = kind_of(method)
            budget = rest[0] if rest else str(term.select.get("budget", ["none"])[0])
            for seed, value in enumerate(values_of(2.34, 1.23, seeds)):
                run = [dataset, protocol, method, method, budget, kind, seed]
                rows.append([*run, 1, term.test_set, "", "", term.metric, 0.5 + weight * value / 100, 10])
        folder = Path("docs/results") / name
        folder.mkdir(parents=True, exist_ok=True)
        pd.DataFrame(rows, columns=COLUMNS).to_csv(folder / "scores.csv", index=False)
        facts = {"measured": "once", "date": "2031-05-04", "commits": [], "runs": {}, "tables": {}}
        (folder / "provenance.json").write_text(json.dumps(facts))

    return keep


def values_of(mean: float, half: float, count: int) -> list[float]:
    """Values with this mean, whose 95 % interval reaches ``half`` to either side; the mean alone for one."""
    spread = numpy.linspace(-1, 1, count) if count > 1 else numpy.zeros(1)
    width = interval(list(spread)).high if count > 1 else 1.0
    return list(mean + spread * half / width)


def png(pixels: numpy.ndarray) -> bytes:
    """An image as the bytes of a file."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared dataset of noise; the second test set has the ids of the first."""
    folder, generator = tmp_path_factory.mktemp("prepared"), numpy.random.default_rng(0)
    for name in ("clean", "L1"):
        rows = [
            (f"{c}{i}", c, png(generator.integers(0, 255, (96, 96, 3), dtype=numpy.uint8)))
            for c in PICTURED
            for i in range(PER_CLASS)
        ]
        pd.DataFrame(rows, columns=["id", "class_name", "image"]).to_parquet(folder / f"{name}.parquet")
    info = {"classes": PICTURED, "test_sets": ["clean", "L1"], "focal": 300.0}
    (folder / "dataset.json").write_text(json.dumps(info))
    (folder / "cuboids.json").write_text(json.dumps({c: [[-0.3, 0.3], [-0.6, 0.6], [-0.2, 0.2]] for c in PICTURED}))
    return folder


@pytest.fixture(scope="module")
def predictions(data: Path) -> Path:
    """Everything is a bus; the right half of each mesh is hidden."""
    covered = numpy.zeros((24, 24), dtype=bool)
    covered[6:18, 6:18] = True
    occluded = covered.copy()
    occluded[:, :12] = False
    row = {"predicted_class": "bus", "azimuth": 0.5, "elevation": 0.3, "theta": 0.1, "distance": 5.0}
    row |= {"pose_error": math.radians(12.3), "fit": 0.234, "covered": png(covered), "occluded": png(occluded)}
    rows = [
        row | {"sample_id": f"{c}{i}", "test_set": name, "true_class": c}
        for name in ("clean", "L1")
        for c in PICTURED
        for i in range(PER_CLASS)
    ]
    path = data / "predictions.parquet"
    pd.DataFrame(rows).to_parquet(path)
    return path


@pytest.fixture(scope="module")
def shown(data: Path, predictions: Path) -> Shown:
    """Them together, as a figure of images gets them."""
    return read_shown(data, [predictions])
