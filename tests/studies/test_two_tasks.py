"""ELI's two-task experiment on real digits, short: forgetting, recovery, and who decides when to stop."""

from io import StringIO
from pathlib import Path

import pandas as pd
import pytest
import torch

from meshcil.config.experiment import load_experiment
from meshcil.config.studies.base import load_study
from meshcil.core.errors import InputError
from meshcil.reporting.published import published_path
from meshcil.reporting.scores import COLUMNS
from meshcil.stages.table import table_texts
from meshcil.studies import two_tasks
from meshcil.studies.base import StudyContext, StudyResult, tidy
from tests.datasets import archives
from tests.methods.factory import DEVICE
from tests.reporting.conftest import cells_of, figure_of
from tests.unwritten import filled_with_nan

CONFIG = Path(__file__).parents[2] / "config"


def study(name: str, **changes: object):
    settings = load_study(CONFIG / "studies" / f"{name}.yaml")
    short = settings.aligner.model_copy(update={"iterations": 300, "evaluate_every": 150, "lr": 1e-3, "ema": 0.89})
    return settings.model_copy(update={"dataset": "digits", "aligner": short, "picture_points": 20, **changes})


def context(seed: int = 0) -> StudyContext:
    return StudyContext("toy", seed, DEVICE, Path("unused"), lambda line: None)


@pytest.fixture(scope="module")
def found() -> dict[str, StudyResult]:
    return {name: two_tasks.run(study(name), context()) for name in ("toy-32", "toy-512")}


def values(result: StudyResult) -> dict[tuple[str, str], float]:
    return {(m, split): v for _, split, _, m, v, _ in two_tasks.scores_of(result.evidence) if m != "course"}


def test_second_task_spoils_the_first_less_with_more_dimensions_and_alignment_recovers(found) -> None:
    small, large = (values(found[name]) for name in ("toy-32", "toy-512"))
    for result in (small, large):
        assert result["after_first", "first"] > 0.95 and result["after_second", "second"] > 0.8
    lost = small["after_first", "first"] - small["after_second", "first"]
    assert lost > 0.3 and lost > large["after_first", "first"] - large["after_second", "first"]
    assert small["aligned", "first"] - small["after_second", "first"] > 0.4 * lost


def test_no_test_image_decides_when_to_stop(found) -> None:
    evidence = found["toy-32"].evidence
    wrong = evidence.assign(predicted_class=evidence["predicted_class"].where(evidence["split"] != "first", -1))
    stops = [values(StudyResult("", "", e))["held_out_iteration", "first"] for e in (evidence, wrong)]
    assert stops[0] == stops[1]


def tidied(found) -> list[pd.DataFrame]:
    return [
        tidy(name, "two-tasks", name, result, 0, two_tasks.scores_of(result.evidence)) for name, result in found.items()
    ]


def test_scores_carry_the_names_of_an_experiment_and_feed_table_and_figures(found) -> None:
    scores = pd.concat(tidied(found), ignore_index=True)
    assert set(scores.columns) == set(COLUMNS)
    built = cells_of("two-tasks", scores)
    assert list(built["method"]) == ["toy-32", "toy-512"] and built["aligned [%]"].notna().all()
    assert len(figure_of("two-tasks", scores, show="course").axes[0].lines) == 4
    assert len(figure_of("two-tasks", scores, show="movement").axes) == 2
    assert len(figure_of("two-tasks", scores, show="picture").axes) == 6
    for show in ("course", "movement", "picture"):
        figure_of("two-tasks", scores.iloc[:0], show=show)


def test_published_values_for_mnist_stand_beside_ours_which_name_their_data(found) -> None:
    frames = [
        tidy(name, "two-tasks", name, result, seed, two_tasks.scores_of(result.evidence))
        for name, result in found.items()
        for seed in (0, 1)
    ]
    experiment = load_experiment("eli-embedded", CONFIG)
    (settings,) = [table for table in experiment.tables if table.kind == "two-tasks"]
    scores = pd.concat(frames, ignore_index=True)
    built = pd.read_csv(StringIO(table_texts(settings, scores, published_path(CONFIG, settings.name))[0]))
    assert built["data"].tolist() == ["digits", "digits"] and "MNIST" in settings.caption
    assert built["after second published [%]"].tolist() == [20.88, 89.14]
    assert built["aligned published [%]"].tolist() == [83.44, 99.04]
    columns = list(built.columns)
    place = columns.index("aligned [%]")
    assert columns[place + 1 : place + 3] == ["aligned std [%]", "aligned published [%]"]


def test_same_seed_gives_the_same_evidence() -> None:
    settings = study("toy-32", digits_epochs=1)
    first = two_tasks.run(settings, context(3))
    with filled_with_nan():
        second = two_tasks.run(settings, context(3))
    pd.testing.assert_frame_equal(first.evidence, second.evidence, check_exact=DEVICE.type == "cpu")
    assert not [row for row in first.rows if row[3] in "xy"], "the picture is of the first seed only"


def test_missing_mnist_is_refused_when_asked_for_and_replaced_when_not(tmp_path: Path) -> None:
    settings = study("toy-32", mnist_root=str(tmp_path))
    with pytest.raises(InputError, match="does not hold MNIST"):
        two_tasks.load_tasks(settings.model_copy(update={"dataset": "mnist"}), 0)
    assert two_tasks.load_tasks(settings.model_copy(update={"dataset": "auto"}), 0)[0] == "digits"


def test_clothes_are_read_from_the_package_s_files(tmp_path: Path) -> None:
    settings = load_study(CONFIG / "studies/toy-fashion-32.yaml").model_copy(update={"mnist_root": str(tmp_path)})
    with pytest.raises(InputError, match="does not hold Fashion-MNIST"):
        two_tasks.load_tasks(settings, 0)
    archives.fashion_mnist(tmp_path)
    name, train, test = two_tasks.load_tasks(settings, 0)
    assert name == "fashion-mnist" and len(settings.input_files()) == 4
    assert [part.pixels.shape for part in (*train, *test)] == [(15, 784)] * 4
    assert train[1].labels.tolist() == [label for label in range(5) for _ in range(3)]
    assert settings.aligner.iterations == 17100


def test_the_notebook_draws_in_its_own_order_and_sets_nothing_aside() -> None:
    """The order of draws of the public notebook: network, batches by PyTorch's loaders, looks, energy network."""
    results = [two_tasks.run(study("toy-32-notebook"), context(seed)) for seed in (120, 120, 121)]
    first, again, other = (values(result) for result in results)
    assert first == again != other and ("held_out_iteration", "first") not in first
    with torch.random.fork_rng():
        torch.manual_seed(120)
        drawn = two_tasks.TwoHeads(64, 32)
        order = list(torch.utils.data.DataLoader(range(600), 128, shuffle=True, drop_last=True))
        course = two_tasks._Published(study("toy-32-notebook"), context(120))
        _, part = course.set_aside(two_tasks.Part(torch.zeros(600, 64), torch.zeros(600, dtype=torch.int64)))
        assert len(part.labels) == 600
        assert torch.equal(course.draw(lambda: two_tasks.TwoHeads(64, 32)).base.weight, drawn.base.weight)
        assert all(map(torch.equal, next(course.epochs(part, 0, 1)), order))


def test_the_spread_shows_each_seed_and_the_published_value(found) -> None:
    frames = tidied(found)
    published = {"toy-32": {"after_second": 20.88}}
    axes = figure_of("two-tasks", pd.concat(frames, ignore_index=True), show="spread", published=published).axes[0]
    assert len(axes.get_yticks()) == 4 and len(axes.collections) == 5
    assert axes.collections[1].get_offsets().tolist() == [[20.88, 0]]
