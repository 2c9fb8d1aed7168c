"""Forest plot of the claims: places of marks, what lies outside the scale, what the papers report; the headline."""

import pandas as pd
import pytest

from meshcil.reporting.claims import Judged, Source
from meshcil.reporting.forest import WIDTH, forest, place, published_range
from meshcil.reporting.headline import headline
from meshcil.reporting.table import from_texts


def row(difference: str, span: str = "", **further: str) -> Judged:
    texts = {"key": "k", "statement": "s", "where": "w", "published": "", "data": "d", "rivals": "", "unit": ""}
    texts |= {"seeds": "3", "verdict": "not decided", "difference": difference, "span": span} | further
    return Judged(**texts)


def test_marks_stand_where_their_numbers_are_and_end_at_the_edge() -> None:
    group = (row("+10.00", "-5.00 to +25.00", bound="1"), row("-30.00"))
    ((line,),) = (plot.own for plot in forest((Source("p", "u", (group,), ()),)))
    inside, outside = line.marks
    assert inside.x == pytest.approx((place(0) + place(20)) / 2, abs=0.1)
    assert inside.low == place(-5) and inside.high == place(20) and inside.cut == ("right",)
    assert outside.x == place(-20) and outside.low is None and outside.cut == ("left",)
    assert place(0) == WIDTH / 2 and sum(line.bounds) == pytest.approx(WIDTH)
    assert "-30.00 points, 3 seeds, not decided" in outside.title


def test_another_unit_has_a_scale_of_its_own_and_no_published_points() -> None:
    group = (row("+0.002", "+0.001 to +0.003", unit="nats", published="2 to 6 points better"),)
    ((line,),) = (plot.own for plot in forest((Source("p", "u", (group,), ()),)))
    assert line.marks[0].cut == () and line.marks[0].high > 0.9 * WIDTH
    assert line.published is None and line.unit == "nats"


def test_papers_with_verdicts_of_the_page_come_first() -> None:
    kept = Source("a", "u", ((row("+1.00", kept="other"),),), ())
    own = Source("b", "u", ((row("+1.00"),),), ())
    plots = forest((kept, own))
    assert [plot.source.name for plot in plots] == ["b", "a"]
    assert [(len(plot.own), len(plot.kept)) for plot in plots] == [(1, 0), (0, 1)]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("2 to 6 points better than the baselines", (2, 6)),
        ("69.52 against 71.85 % average (iCaRL)", (2.33, 2.33)),
        ("more than 5 % above the detector without it", None),
        ("89.14 % left with 512 dimensions against 20.88 % with 32", None),
    ],
)
def test_only_differences_in_points_are_taken_from_a_paper(words: str, expected: tuple[float, float] | None) -> None:
    found = published_range(words)
    assert found == expected if expected is None else found == pytest.approx(expected)


def summary(last: list[str], seeds: str = "1") -> str:
    names = ["inemo", "icarl", "joint"]
    frame = {"method": names, "label": ["iNeMo", "iCaRL", "joint"], "seeds": [seeds] * 3, "last [%]": last}
    return headline(from_texts(pd.DataFrame(frame)))


def test_the_headline_tells_the_best_the_next_and_the_bound() -> None:
    said = summary(["86.25", "77.92", "90.00"])
    assert "iNeMo classifies 86.25 %" in said and "8.33 points more than iCaRL (77.92 %)" in said
    assert "joint, which is not incremental: 90.00 %" in said and "One seed" in said
    assert "iCaRL classifies 80.00 %" in summary(["", "80.00", ""], "3") and summary(["", "", ""]) == ""
    assert "as does iCaRL" in summary(["50.00", "50.00", ""])
