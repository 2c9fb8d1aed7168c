"""Figures: what they show, equal bytes for equal scores, colours that stay with a method."""

import itertools
import math
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy
import pandas as pd
import pytest
from cycler import cycler
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from meshcil.config.experiment import load_experiment, run_keys
from meshcil.core.errors import InputError
from meshcil.core.naming import available
from meshcil.reporting.drawing import apart, series
from meshcil.reporting.palette import CSS_VARIABLES, INK, LOOKS, looks
from meshcil.reporting.scores import COLUMNS, keep
from meshcil.reporting.style import draw_figure, pdf_bytes, svg_bytes
from tests.reporting.conftest import artifact, figure_of, table_of

ROOT = Path(__file__).parents[2]
KINDS = available("meshcil.reporting.figures")


def texts(svg: bytes) -> list[str]:
    return ["".join(node.itertext()) for node in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


def test_the_kinds_of_the_report_are_there() -> None:
    assert set(KINDS) >= {"steps", "robustness", "pose", "budget", "memory"}


@pytest.mark.parametrize("kind", KINDS)
def test_equal_scores_give_equal_bytes_without_a_date(kind: str, scores: pd.DataFrame) -> None:
    first, second = svg_bytes(figure_of(kind, scores)), svg_bytes(figure_of(kind, scores.copy()))
    assert first == second
    assert b"<metadata" not in first
    # A kind about studies finds nothing of its own among runs.
    assert {"iNeMo", "not measured"} & set(texts(first))


@pytest.mark.parametrize("kind", KINDS)
def test_no_scores_say_not_measured(kind: str, scores: pd.DataFrame) -> None:
    svg = svg_bytes(figure_of(kind, scores.iloc[:0]))
    assert "not measured" in texts(svg)


@pytest.mark.parametrize("kind", KINDS)
def test_unknown_options_are_refused(kind: str, scores: pd.DataFrame) -> None:
    with pytest.raises(InputError, match="colour"):
        figure_of(kind, scores, colour="red")


def test_a_method_without_poses_is_not_in_the_pose_figure(scores: pd.DataFrame) -> None:
    svg = svg_bytes(figure_of("pose", scores, test_sets=["clean", "L1"]))
    assert "iCaRL" in texts(svg)
    assert "Finetune" not in texts(svg)


def test_one_seed_draws_no_spread(scores_of: Callable[..., pd.DataFrame]) -> None:
    columns, x = ["clean", "L1"], [0, 1]
    single = table_of("robustness", scores_of(("inemo", "total-96", 0)))
    several = table_of("robustness", scores_of(*(("inemo", "total-96", seed) for seed in range(3))))
    assert series(single, columns, x)[0].error is None
    assert numpy.all(series(several, columns, x)[0].error > 0)


def test_series_leave_out_what_was_not_measured(scores: pd.DataFrame) -> None:
    table = table_of("robustness", scores, metric="pose_accuracy_pi6", test_sets=["snow", "clean", "L1"])
    found = series(table, ["snow", "clean", "L1"], [0, 1, 2])
    assert [line.name for line in found] == ["iNeMo", "iCaRL"]
    assert list(found[0].x) == [1, 2]


def test_rows_of_one_method_are_told_apart_by_budget(sweep: pd.DataFrame) -> None:
    names = [line.name for line in series(table_of("robustness", sweep), ["clean"], [0])]
    assert names[:2] == ["iNeMo, total-96", "iNeMo, total-24"]


def test_forms_of_the_robustness_figure(scores: pd.DataFrame) -> None:
    options = {"test_sets": ["shape", "weather"], "tick_labels": {"shape": "other shapes"}}
    assert {"other shapes", "weather"} <= set(texts(svg_bytes(figure_of("robustness", scores, **options, form="dots"))))
    with pytest.raises(InputError, match="form"):
        figure_of("robustness", scores, **options, form="pie")


@pytest.mark.parametrize("options", [{"x": "images"}, {"accuracy": "last"}, {"x": "carried"}])
def test_budget_axes(options: dict[str, str], sweep: pd.DataFrame) -> None:
    found = texts(svg_bytes(figure_of("budget", sweep, **options)))
    assert ("24" in found) == (options.get("x") == "images")
    assert any(text.startswith(options.get("accuracy", "average")) for text in found)


def test_a_method_keeps_its_look() -> None:
    alone, among = looks(["icarl"]), looks(["new", "icarl", "inemo-smoke", "inemo"])
    assert alone["icarl"] == among["icarl"] == LOOKS["icarl"]
    assert among["inemo"] == LOOKS["inemo"]
    assert looks(["inemo-smoke"])["inemo-smoke"] == LOOKS["inemo"]
    assert len({(look.colour, look.dashes) for look in among.values()}) == 4
    many = looks([f"method-{i}" for i in range(12)])
    assert len(set(many.values())) == 12
    assert {look.colour for look in many.values()} <= set(CSS_VARIABLES)


def test_a_method_has_one_colour_and_mark_whatever_stands_next_to_it() -> None:
    every = ["icarl", "icarl-wide", "memo", "memo-2", "inemo-study", "der", "inemo"]
    together = looks(every)
    for name in every:
        alone = looks([name])[name]
        assert (alone.colour, alone.marker) == (together[name].colour, together[name].marker)
    others = {(look.colour, look.marker) for name, look in LOOKS.items() if name != "icarl"}
    assert (together["icarl-wide"].colour, together["icarl-wide"].marker) not in others
    assert together["inemo"].dashes != together["inemo-study"].dashes, "two of one look are told apart by their lines"


def test_text_of_a_label_starts_no_formula(scores: pd.DataFrame) -> None:
    wild = keep(scores.assign(label=r"$\frac{$ = 1"), {}, "t")
    assert r"$\frac{$ = 1" in " ".join(texts(draw_figure(artifact("robustness"), wild).svg))


def test_every_figure_has_a_title_of_its_own_or_of_its_table() -> None:
    for path in (ROOT / "config/experiments").glob("*.yaml"):
        settings = load_experiment(path.stem, ROOT / "config")
        tables = {table.name for table in settings.tables if table.title}
        unnamed = [figure.name for figure in settings.figures if not figure.title and figure.name not in tables]
        assert not unnamed, (path.name, unnamed)
        assert not [f.name for f in settings.figures if f.caption.lower().startswith("the same of")], path.name


def test_a_family_has_one_colour_in_every_experiment() -> None:
    seen = set()
    for path in (ROOT / "config/experiments").glob("*.yaml"):
        methods = [key.method for key in run_keys(load_experiment(path.stem, ROOT / "config"))]
        for name, look in looks(methods).items():
            family = name.split("-")[0]
            assert family not in LOOKS or look.colour == LOOKS[family].colour, (path.name, name)
            seen.add(family)
    assert {"inemo", "icarl", "finetune", "joint", "replay", "wa", "der", "memo"} <= seen
    assert len({(look.colour, look.marker) for look in LOOKS.values()}) == len(LOOKS)


def test_labels_are_in_ink_behind_their_colour(scores: pd.DataFrame) -> None:
    svg = svg_bytes(figure_of("steps", scores))
    labels = ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")
    named = [node for node in labels if node.text in ("iNeMo", "iCaRL", "Finetune")]
    assert len(named) == 3
    assert all(INK in node.get("style", "") for node in named)


def bars(figure: Figure) -> int:
    """Lines that have bars over seeds."""
    return sum(drawn.has_yerr for drawn in figure.axes[0].containers)


def test_held_bytes_keep_protocols_and_datasets_apart(scores: pd.DataFrame) -> None:
    draw = partial(figure_of, "held")
    other = scores.assign(protocol="3-3", value=scores["value"] / 2)
    assert bars(draw(scores)) == 3
    figure = draw(pd.concat([scores, other]))
    assert bars(figure) == 6
    assert {"iNeMo, 2-2-2", "iNeMo, 3-3"} <= set(texts(svg_bytes(figure)))


def test_layers_have_bars_over_seeds() -> None:
    run = ["digits", "5-5", "layers-digits", "Layers", "none", "layers"]
    rows = [
        [*run, seed, step, "", "", f"block {block}", metric, 0.1 * (block + step) + 0.05 * seed, 1]
        for seed in (0, 1)
        for step in (0, 1, 2)
        for block in (1, 2, 3)
        for metric in ("gradient", "shift")
    ]
    scores = pd.DataFrame(rows, columns=COLUMNS)
    draw = partial(figure_of, "layers")
    assert bars(draw(scores)) == 2 and bars(draw(scores[scores["seed"] == 0])) == 0
    # Means over steps are 0.25 and 0.3 in the first block, 0.475 in the mean of the last; steps are no spread.
    low, high = draw(scores).axes[0].containers[0].lines[2][0].get_segments()[0][:, 1]
    assert high - low == pytest.approx(2 * 100 * numpy.std([0.25, 0.3], ddof=1) / 0.475)


def test_a_long_legend_takes_more_lines(scores: pd.DataFrame) -> None:
    one = scores[scores["method"] == "inemo"]
    many = pd.concat([one.assign(method=f"m{i}", label=f"Method {i}") for i in range(8)])
    figure = figure_of("robustness", many, form="dots")
    FigureCanvasAgg(figure).draw()
    (legend,) = figure.legends
    assert len(legend.get_texts()) == 8
    assert legend.get_window_extent().x1 <= figure.bbox.x1


@given(st.lists(st.floats(0, 100), min_size=1, max_size=8), st.floats(0.5, 10))
def test_labels_are_apart_in_order_and_near(heights: list[float], gap: float) -> None:
    placed = apart(heights, gap)
    order = sorted(range(len(heights)), key=lambda i: (heights[i], i))
    for below, above in itertools.pairwise(order):
        assert placed[above] - placed[below] >= gap - 1e-6
    assert math.isclose(sum(placed), sum(heights), abs_tol=1e-6 * len(heights) * 100)


@given(st.lists(st.floats(0, 100), min_size=1, max_size=11))
def test_labels_stay_beside_the_axes(heights: list[float]) -> None:
    placed = apart(heights, 10, 0, 100)
    assert min(placed) >= 0 and max(placed) <= 100 + 1e-6
    assert all(above - below >= 10 - 1e-6 for below, above in itertools.pairwise(sorted(placed)))


def test_more_labels_than_fit_make_a_figure_higher(scores: pd.DataFrame) -> None:
    draw = partial(figure_of, "robustness")
    one = scores[scores["method"] == "inemo"]
    heights = []
    for count in (8, 22):
        figure = draw(pd.concat([one.assign(method=f"m{i}", label=f"Method {i}") for i in range(count)]))
        FigureCanvasAgg(figure).draw()
        boxes = sorted(found.get_window_extent().y0 for found in figure.axes[0].artists)
        assert len(boxes) == count and min(above - below for below, above in itertools.pairwise(boxes)) >= 14
        heights.append(figure.get_figheight())
    assert heights[1] > heights[0]


def test_labels_with_room_do_not_move() -> None:
    assert apart([10.0, 90.0, 50.0], 7.0) == [10.0, 90.0, 50.0]


def test_equal_figures_give_equal_pdf_files(scores: pd.DataFrame) -> None:
    draw = partial(figure_of, "steps")
    first, second = pdf_bytes(draw(scores)), pdf_bytes(draw(scores))
    assert first == second and first.startswith(b"%PDF")


def test_a_user_s_settings_of_matplotlib_change_no_byte(scores: pd.DataFrame) -> None:
    figure, chosen = artifact("steps"), keep(scores, {}, "t")
    plain = draw_figure(figure, chosen)
    with rc_context({"axes.titlesize": 30.0, "lines.marker": "x", "axes.prop_cycle": cycler(color=["red"])}):
        assert draw_figure(figure, chosen) == plain
