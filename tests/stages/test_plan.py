"""The plan: which runs, which test sets after which step, which records."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from meshcil.config.base import load_settings
from meshcil.config.dataset import DatasetSettings
from meshcil.config.run import RunKey, load_method
from meshcil.config.studies.layers import Settings as LayersSettings
from meshcil.core.errors import InputError
from meshcil.lineage import inputs
from meshcil.lineage.plan import Plan, names_of
from meshcil.lineage.stages import job, records
from meshcil.stages.checks import check_weights
from meshcil.stages.plan import load_plan
from meshcil.stages.resolve import resolve_run
from tests.datasets import archives

CONFIG = Path(__file__).resolve().parents[2] / "config"
KEY = RunKey(dataset="primitives3d-tiny", protocol="2-2", method="inemo-smoke", budget="total-16", seed=0)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return load_plan(["smoke", "laptop"], CONFIG)


def test_experiments_share_a_plan_but_keep_their_runs(plan: Plan) -> None:
    assert KEY in plan.members["smoke"] and KEY not in plan.members["laptop"]
    assert set(plan.runs) == {key for keys in plan.members.values() for key in keys}


def test_a_suite_with_the_clean_set_replaces_it_after_the_last_step(plan: Plan) -> None:
    assert plan.step_suites(KEY, 0) == ("clean",)
    assert plan.step_suites(KEY, 1) == ("robustness",)


def test_a_run_has_the_suites_of_all_experiments_whichever_is_asked_for() -> None:
    """Otherwise the scores of a run that two experiments share would lose test sets with every other call."""
    shared = RunKey(dataset="primitives3d-study", protocol="3-3-3-3", method="inemo-study", budget="total-48", seed=0)
    last = {name: load_plan([name], CONFIG).step_suites(shared, 3) for name in ("inemo-exemplars", "inemo-background")}
    assert last["inemo-exemplars"] == last["inemo-background"]
    sets = load_plan(["inemo-exemplars"], CONFIG).runs[shared].dataset.suites
    assert {"clean", "L1", "L2", "L3"} <= {test_set for name in last["inemo-background"] for test_set in sets[name]}


def test_suites_of_two_blocks_are_all_predicted(tmp_path: Path) -> None:
    shutil.copytree(CONFIG, tmp_path / "config")
    file = tmp_path / "config/experiments/smoke.yaml"
    text = file.read_text()
    block = text[text.index("  - datasets:") : text.index("tables:")].replace("suite: robustness", "suite: occlusion")
    file.write_text(text.replace("tables:", f"{block}tables:", 1))
    assert load_plan(["smoke"], tmp_path / "config").step_suites(KEY, 1) == ("robustness",), "it holds the other"
    dataset = tmp_path / "config/datasets/primitives3d-tiny.yaml"
    dataset.write_text(dataset.read_text().replace("robustness: [clean, L2, texture]", "robustness: [clean, texture]"))
    assert load_plan(["smoke"], tmp_path / "config").step_suites(KEY, 1) == ("occlusion", "robustness")


def test_a_wrong_experiment_that_was_not_asked_for_is_no_obstacle(tmp_path: Path) -> None:
    shutil.copytree(CONFIG, tmp_path / "config")
    (tmp_path / "config/experiments/mine.yaml").write_text("title: [unfinished")
    assert load_plan(["smoke"], tmp_path / "config").step_suites(KEY, 1) == ("robustness",)


def test_steps_and_classes_follow_the_protocol() -> None:
    run = resolve_run(KEY, CONFIG)
    assert run.steps == (("aeroplane", "bottle"), ("car", "chair"))
    assert run.seen(0) == ("aeroplane", "bottle") and run.classes == run.seen(1)


def test_records_of_an_experiment_are_listed_once_and_in_order(plan: Plan) -> None:
    found = records(plan, "smoke")
    assert len(set(found)) == len(found)
    assert found[0] == "data/raw/primitives3d-tiny/generate.record.json"
    folder = f"results/runs/{KEY.path}"
    wanted = ["resolve", "step0/select", "step1/train", "step1/predict-robustness", "score"]
    wanted = [f"{folder}/{name}.record.json" for name in wanted]
    first = folder.replace(KEY.budget, "any")
    wanted += [f"{first}/{name}.record.json" for name in ("resolve", "step0/train")]
    assert set(wanted) <= set(found) and f"{folder}/step0/train.record.json" not in found


def test_runs_that_differ_in_their_budget_share_the_first_step() -> None:
    plan = load_plan(["memo-embedded"], CONFIG)
    first = RunKey(dataset="primitives3d-study", protocol="4-4-4", method="icarl-embedded", budget="any", seed=0)
    own = [key for key in plan.runs if key.method == first.method and key.seed == 0]
    assert len(own) == 3 and {key.trained_as(0) for key in own} == {first}
    assert all(key.trained_as(step) == key for key in own for step in (1, 2))
    assert plan.first_steps[first] == resolve_run(first, CONFIG)
    assert [
        path
        for path in records(plan, "memo-embedded")
        if "/icarl-embedded/" in path and path.endswith("seed0/step0/train.record.json")
    ] == [f"results/runs/{first.path}/step0/train.record.json"]


def test_the_budget_of_first_steps_is_none_for_a_run(tmp_path: Path) -> None:
    shutil.copytree(CONFIG, tmp_path / "config")
    path = tmp_path / "config/experiments/smoke.yaml"
    path.write_text(path.read_text().replace("[total-16]", "[any]", 1))
    with pytest.raises(InputError, match="budget 'any': is not a budget"):
        load_plan(["smoke"], tmp_path / "config")


def test_settings_digest_follows_values_not_text(tmp_path: Path) -> None:
    for folder in ("datasets", "protocols", "methods", "recipes", "aligners", "experiments"):
        (tmp_path / folder).mkdir()
        for file in (CONFIG / folder).glob("*.yaml"):
            (tmp_path / folder / file.name).write_text(f"# A comment.\n{file.read_text()}")
    digests = {job(load_plan(["smoke"], config), "resolve", names_of(KEY)).digest for config in (tmp_path, CONFIG)}
    assert len(digests) == 1


@pytest.mark.parametrize(
    ("budget", "fits"), [("total-4", True), ("total-3", False), ("per-class-1", True), ("none", True)]
)
def test_budgets_must_hold_an_exemplar_of_each_class(budget: str, fits: bool) -> None:
    key = KEY.model_copy(update={"budget": budget})
    if fits:
        assert resolve_run(key, CONFIG).key.budget == budget
    else:
        with pytest.raises(InputError, match="4 classes"):
            resolve_run(key, CONFIG)


REAL = ("inemo-pascal3d", "inemo-objectnet3d", "inemo-occlusion", "inemo-ood", "inemo-memory")


def test_missing_weights_of_a_package_are_found_before_a_run() -> None:
    method = load_method("inemo", CONFIG)
    block = method.backbone.model_copy(update={"weights": "no_such_package:weights.pth"})
    with pytest.raises(InputError, match=r"`weights` no_such_package:weights.pth is not a file\. Install the packages"):
        check_weights("inemo", method.model_copy(update={"backbone": block}), CONFIG)


@pytest.mark.parametrize("experiment", REAL)
def test_an_experiment_on_real_data_says_what_is_missing_and_where_it_belongs(
    experiment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"`root` data/raw/\w+ is not a folder. Unpack .*https://.*Annotations"):
        load_plan([experiment], CONFIG)
    for name in ("pascal3d", "objectnet3d", "occluded-pascal3d", "ood-cv"):
        (tmp_path / "data/raw" / name).mkdir(parents=True)
    with pytest.raises(InputError, match=r"`weights` data/weights/\S+ is not a file.*nothing is downloaded"):
        load_plan([experiment], CONFIG)
    (tmp_path / "data/weights").mkdir()
    (tmp_path / "data/weights/dino_resnet50_pretrain.pth").write_bytes(b"")
    plan = load_plan([experiment], CONFIG)
    sizes = {tuple(len(step) for step in run.steps) for run in plan.runs.values()}
    assert sizes <= {(3, 3, 3, 3), (6, 6), (10,) * 10, (5,) * 20} and len(plan.runs) >= 2


def test_the_preparation_of_own_files_waits_for_the_one_that_was_changed_last(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    archives.class_folders(Path("raw"))
    (Path("raw/train/n02") / "a{b}.JPEG").touch()
    settings = {"description": "d", "root": "raw", "layout": "class-folders", "classes": ["n01", "n02", "n03"]}
    settings |= {"image_size": [32, 32], "test_sets": {"clean": {"layout": "class-folders"}}, "suites": {"clean": []}}
    own = replace(plan, datasets={**plan.datasets, "own": DatasetSettings.model_validate(settings)})
    for path in sorted(Path("raw").rglob("*")):
        os.utime(path, (1e9, 1e9))
    # A file, a folder that files came to or left, a class that is not asked for, and a name with a wildcard's braces.
    for seconds, name, expected in (
        (1, "train/n01/n01_1.JPEG", "train/n01/n01_1.JPEG"),
        (2, "val/n02", "val/n02"),
        (3, "train/n99/n99_0.JPEG", "val/n02"),
        (4, "train/n02/a{b}.JPEG", "val/n02"),
    ):
        os.utime(Path("raw", name), (1e9 + seconds, 1e9 + seconds))
        assert inputs.raw_files(own, {"dataset": "own"}) == ("raw", f"raw/{expected}")
    assert job(plan, "prepare", {"dataset": "primitives3d-tiny"}).inputs["raw"] == (
        "data/raw/primitives3d-tiny/generate.record.json"
    )


def test_the_weights_of_a_study_are_its_inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(CONFIG, tmp_path / "config")
    monkeypatch.chdir(tmp_path)
    file, weights = Path("config/studies/detection-primitives.yaml"), Path("weights/detector.safetensors")
    file.write_text(f"weights: {weights}\n{file.read_text()}")
    with pytest.raises(InputError, match=f"{weights}: does not exist"):
        load_plan(["eli-detection-embedded"], Path("config"))
    weights.parent.mkdir()
    weights.touch()
    plan = load_plan(["eli-detection-embedded"], Path("config"))
    expected = {"files": [weights.as_posix()], "data": "data/raw/primitives-voc/generate.record.json"}
    assert job(plan, "study", {"study": "detection-primitives", "seed": "0"}).inputs == expected


def test_so_are_those_of_the_networks_of_the_study_of_layers() -> None:
    study = load_settings(LayersSettings, CONFIG / "studies/layers-digits.yaml")
    assert study.input_files() == ()
    backbone = study.single.backbone.model_copy(update={"weights": "a.pth"})
    started = study.model_copy(update={"single": study.single.model_copy(update={"backbone": backbone})})
    assert started.input_files() == (Path("a.pth"),)


def test_images_without_poses_go_with_2d_methods_only() -> None:
    key = KEY.model_copy(update={"dataset": "digits", "protocol": "2-2-2-2-2", "budget": "total-20"})
    with pytest.raises(InputError, match=r"method inemo-smoke: needs poses, and dataset digits has none.*2D method"):
        resolve_run(key, CONFIG)
    run = resolve_run(key.model_copy(update={"method": "icarl-smoke"}), CONFIG)
    assert run.method.pose is None and run.method.head == "nearest-mean"


def test_a_figure_of_images_waits_for_the_last_predictions_of_its_run(plan: Plan) -> None:
    folder = f"results/runs/{KEY.path}/step1"
    assert job(plan, "figure", {"figure": "smoke-overlays"}).inputs == {
        "data": "data/prepared/primitives3d-tiny/dataset.json",
        "predictions": [f"{folder}/predictions-robustness.parquet"],
    }
    assert job(plan, "figure", {"figure": "smoke-steps"}).inputs == {"scores": "results/experiments/smoke.csv"}
    assert job(plan, "figure", {"figure": "smoke-overlays"}).modules[1] == "meshcil.reporting.pictures.pose_overlays"
    assert job(plan, "figure", {"figure": "smoke-steps"}).modules[1] == "meshcil.reporting.figures.steps"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("method: inemo-smoke, budget", "method: icarl, budget", "is not a run of this experiment"),
        ("kind: pose-overlays", "kind: steps", "kind `steps` is unknown. Known pictures: "),
        (
            "    caption: &steps",
            "    run: {dataset: d, protocol: p, method: m, budget: b, seed: 0}\n    caption: &steps",
            "table",
        ),
    ],
)
def test_impossible_figures_of_images_are_refused(old: str, new: str, message: str, tmp_path: Path) -> None:
    shutil.copytree(CONFIG, tmp_path / "config")
    file = tmp_path / "config" / "experiments" / "smoke.yaml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    with pytest.raises(InputError, match=message):
        load_plan(["smoke"], tmp_path / "config")


def test_a_table_depends_on_the_values_published_for_it(tmp_path: Path) -> None:
    shutil.copytree(CONFIG, tmp_path / "config")
    file = tmp_path / "config/published/smoke-summary.yaml"

    def digest() -> str:
        return job(load_plan(["smoke"], tmp_path / "config"), "table", {"table": "smoke-summary"}).digest

    digests = [digest()]
    for text in (
        "source: s\nvalues: {a: {b: 1}}\n",
        "# c\nsource: s\nvalues: {a: {b: 1}}\n",
        "source: s\nvalues: {}\n",
    ):
        file.write_text(text)
        digests.append(digest())
    assert digests[1] == digests[2] and len(set(digests)) == 3
