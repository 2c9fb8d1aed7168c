"""Views of the page: which figure stands beside which table, how numbers are shown."""

from typing import Any

import pandas as pd
import pytest

from meshcil.config.experiment import Artifact, ExperimentSettings, RunBlock
from meshcil.core.errors import InputError
from meshcil.reporting.cells import table_view
from meshcil.reporting.html import inline_svg
from meshcil.reporting.page import blocks, cards, flat_settings
from meshcil.reporting.table import Table, from_texts, read_table

SVG = '<?xml version="1.0"?><svg width="3" viewBox="0 0 3 3"><path id="p"/><use xlink:href="#p"/></svg>'


def experiment(tables: list[str], figures: list[str]) -> ExperimentSettings:
    run = RunBlock(datasets=("d",), protocols=("p",), methods=("m",), budgets=("none",))

    def artifacts(names: list[str]) -> tuple[Artifact, ...]:
        return tuple(Artifact(name=name, kind="steps", caption=f"About {name}.\n") for name in names)

    return ExperimentSettings(
        title="t", description="d", cost="c", runs=(run,), tables=artifacts(tables), figures=artifacts(figures)
    )


def frame(**columns: list[Any]) -> Table:
    return from_texts(pd.DataFrame(columns, dtype=str))


@pytest.mark.parametrize(
    ("tables", "figures", "expected"),
    [
        (["a", "b"], ["b", "a"], {"a": ["a"], "b": ["b"]}),
        (["budget"], ["budget", "budget-images"], {"budget": ["budget", "budget-images"]}),
        (["a", "a-b"], ["a", "a-b"], {"a": ["a"], "a-b": ["a-b"]}),
        (["a", "b"], ["a", "c", "b"], {"a": ["a"], "c": ["c"], "b": ["b"]}),
        ([], ["c", "d"], {"c": ["c"], "d": ["d"]}),
        (["a"], [], {"a": []}),
    ],
)
def test_figures_stand_beside_their_table(
    tables: list[str], figures: list[str], expected: dict[str, list[str]]
) -> None:
    found = blocks(experiment(tables, figures), {}, dict.fromkeys(figures, SVG))
    named = {b.name: [f.file.removeprefix("figures/").removesuffix(".svg") for f in b.figures] for b in found}
    assert named == expected
    assert list(named) == list(expected)


def test_only_another_caption_is_repeated_below_a_figure() -> None:
    (block,) = blocks(experiment(["budget"], ["budget", "budget-images"]), {}, {"budget": SVG, "budget-images": SVG})
    assert block.caption == "About budget."
    assert [figure.note for figure in block.figures] == ["", "About budget-images."]


def test_a_table_shows_labels_spreads_and_large_numbers() -> None:
    table = frame(
        **{"method": ["inemo"], "label": ["iNeMo"], "seeds": ["3"], "L2 [%]": ["50.00"], "L2 std [%]": ["1.50"]},
        **{"carry [bytes]": ["1234567"], "pose pi/6 [%]": [""]},
    )
    view = table_view(table, "tables/t.csv")
    assert [(heading.text, heading.unit) for heading in view.columns] == [
        ("L2", "%"), ("carry", "bytes"), ("pose π/6", "%"),
    ]  # fmt: skip
    accuracy, size, pose = view.rows[0].cells
    assert (view.rows[0].label, view.rows[0].key, view.seeds) == ("iNeMo", "inemo", "3")
    assert (accuracy.text, accuracy.spread, accuracy.percent) == ("50.00", "1.50", 50.0)
    assert size.text == "1\u202f234\u202f567"
    assert (pose.text, pose.percent) == ("", None)


def test_differences_are_in_points_and_have_no_bar() -> None:
    table = frame(method=["a"], **{"last change [%]": ["-2.00"], "lead [%]": ["2.00"], "last [%]": ["50.00"]})
    view = table_view(table, "t.csv")
    assert [heading.unit for heading in view.columns] == ["points", "points", "%"]
    assert [cell.percent for cell in view.rows[0].cells] == [None, None, 50.0]
    assert view.rows[0].cells[1].column == "lead [%]"


def test_wide_and_long_tables() -> None:
    narrow = frame(method=["a", "b"], **{"x [%]": ["1.00", "2.00"]})
    wide = frame(method=["a", "b"], **{f"class{i:02d} [%]": ["1.00", "2.00"] for i in range(12)})
    long = frame(method=[f"m{i}" for i in range(100)], **{"x [%]": ["1.00"] * 100})
    shapes = [(view.broad, view.folded) for view in (table_view(t, "t.csv") for t in (narrow, wide, long))]
    assert shapes == [(False, False), (True, False), (False, True)]


def test_cards_leave_out_what_no_run_measured() -> None:
    table = frame(method=["a", "b"], **{"last [%]": ["50.00", ""], "pose pi/6 [%]": ["", ""], "exemplars": ["1", "2"]})
    (card,) = cards(table, "tables/summary.csv")
    assert card.title == "Last accuracy"
    assert [row.cells[0].text for row in card.rows] == ["50.00", ""]


def test_cards_tell_rows_of_one_method_apart_by_budget() -> None:
    table = frame(
        method=["a", "a", "b"],
        label=["A", "A", "B"],
        budget=["x", "y", "none"],
        **{"last [%]": ["1.00", "2.00", "3.00"]},
    )
    (card,) = cards(table, "tables/summary.csv")
    assert [row.label for row in card.rows] == ["A, x", "A, y", "B"]


def test_settings_become_lines() -> None:
    values = {"a": {"b": True, "c": [1, 2], "d": []}, "e": None, "f": 0.5}
    assert flat_settings(values) == [("a.b", "yes"), ("a.c", "1, 2"), ("a.d", "none"), ("e", "none"), ("f", "0.5")]


def test_drawings_of_one_page_do_not_share_ids() -> None:
    text = inline_svg(SVG, "one", 'says "x"')
    assert text.startswith('<svg viewBox="0 0 3 3" style="--natural: 3px" role="img" aria-label="says &quot;x&quot;">')
    assert 'id="one-p"' in text and 'href="#one-p"' in text and "xlink" not in text
    with pytest.raises(ValueError, match="svg must"):
        inline_svg("nothing", "one", "")


def test_an_absent_table_is_one_message(tmp_path) -> None:
    with pytest.raises(InputError, match=r"t\.csv"):
        read_table(tmp_path / "t.csv")
