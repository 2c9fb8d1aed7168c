"""The report as a browser shows it: on a wide screen and a telephone, in light and dark, by keyboard, on paper."""

import re
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pandas as pd
import pytest
from axe_playwright_python.sync_playwright import Axe

from meshcil.reporting.palette import LOOKS
from meshcil.reporting.shown import Shown
from meshcil.reporting.style import figure_files
from meshcil.stages import report
from tests.browser import Visit, visit
from tests.reporting.conftest import drawn, figure_of, judge_smoke

SIZES = [(1400, 1000), (390, 800)]

CONTRASTS = """() => {
  const parse = text => text.match(/[\\d.]+/g).map(Number);
  const linear = c => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  const ground = node => {
    for (; node; node = node.parentElement) {
      const colour = parse(getComputedStyle(node).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || !element.getClientRects().length) continue;
    if (element.closest(".hidden, title, style")) continue;
    const style = getComputedStyle(element);
    const ink = element.closest("svg") ? style.fill : style.color;
    const pair = [light(parse(ink)), light(ground(element))].sort((a, b) => b - a);
    const least = parseFloat(style.fontSize) >= 24 ? 3 : 4.5;
    if ((pair[0] + 0.05) / (pair[1] + 0.05) < least) found.push(walker.currentNode.textContent.trim().slice(0, 40));
  }
  return found;
}"""
WIDE = """width => [...document.querySelectorAll("body *")]
  .filter(node => node.getBoundingClientRect().right > width + 1 && !node.closest(".scroll, nav, svg, .hidden"))
  .map(node => node.outerHTML.slice(0, 80))"""


CUT_OFF = """() => [...document.querySelectorAll(".scroll")]
  .filter(node => node.scrollHeight > node.clientHeight + 1 || node.scrollWidth > node.clientWidth + 1)
  .filter(node => getComputedStyle(node).overflow !== "visible" || node.scrollWidth > 794)
  .map(node => node.ariaLabel)"""


@pytest.fixture
def page(
    workplace: Path, keep_scores: Callable[..., None], scores_of: Callable[..., pd.DataFrame], shown: Shown
) -> str:
    """Address of a report with verdicts of both kinds, a figure of images, and one of many series."""
    judge_smoke()
    draw_more(scores_of, shown)
    keep_scores("large", "memo-above-der", "primitives3d-study, 4-4-4, bytes-1800000", 3)
    report.main(config=Path("config"), experiments=["smoke"], out=Path("reports/index.html"))
    return (workplace / "reports/index.html").as_uri()


def draw_more(scores_of: Callable[..., pd.DataFrame], shown: Shown) -> None:
    """Draw the figure of images, and the steps of a method of every family."""
    rows = scores_of(("inemo", "total-96", 0), ("inemo", "total-96", 1))
    many = [rows.assign(method=name, label=name, value=rows["value"] * (1 - i / 20)) for i, name in enumerate(LOOKS)]
    overlays = drawn("pictures", "pose-overlays", shown, images=5, columns=2)
    steps = figure_of("steps", pd.concat(many))
    for name, made in (("smoke-overlays", overlays), ("smoke-steps", steps)):
        for kind, content in asdict(figure_files(made)).items():
            Path(f"reports/figures/{name}.{kind}").write_bytes(content)


def violations(seen: Visit) -> list[tuple[str, str]]:
    """Rules of axe-core that the page breaks, its best practices among them, each with an element that does."""
    return [(rule["id"], rule["nodes"][0]["html"]) for rule in Axe().run(seen.page).response["violations"]]


def accessible(seen: Visit) -> None:
    assert violations(seen) == []
    # axe-core leaves out text in drawings.
    assert seen.page.evaluate(CONTRASTS) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_it_fits_the_screen_and_is_accessible(page: str, size: tuple[int, int], scheme: str) -> None:
    with visit(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme) as seen:
        seen.page.goto(page)
        seen.page.evaluate("document.querySelectorAll('details').forEach(node => node.open = true)")
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= size[0]
        assert seen.page.evaluate(WIDE, size[0]) == []
        accessible(seen)
        assert seen.console == []
        assert [url for url in seen.requests if not url.startswith("data:")] == [page]


def test_the_keyboard_reaches_everything_and_sees_where_it_is(page: str) -> None:
    with visit(viewport={"width": 1400, "height": 1000}) as seen:
        seen.page.goto(page)
        seen.page.keyboard.press("Tab")
        assert seen.page.evaluate("document.activeElement.className") == "skip"
        seen.page.keyboard.press("Enter")
        assert seen.page.evaluate("location.hash") == "#content"
        for _ in range(12):
            seen.page.keyboard.press("Tab")
            style = seen.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert style != "none", seen.page.evaluate("document.activeElement.outerHTML")
        summary = seen.page.locator("summary").first
        summary.focus()
        seen.page.keyboard.press("Enter")
        assert seen.page.evaluate("document.activeElement.parentElement.open")


def test_on_paper_results_are_whole_and_settings_and_origins_left_out(page: str, tmp_path: Path) -> None:
    with visit(viewport={"width": 794, "height": 1123}) as seen:
        seen.page.goto(page)
        seen.page.emulate_media(media="print", color_scheme="dark")
        assert seen.page.evaluate("getComputedStyle(document.querySelector('.top')).display") == "none"
        assert seen.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        for left_out in ("#settings", "#origins"):
            assert seen.page.locator(left_out).count() == 1
            assert not seen.page.locator(left_out).is_visible()
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= 794
        assert seen.page.evaluate(CUT_OFF) == []
        assert 1 < len(re.findall(rb"/Type /Page\b", seen.page.pdf(format="A4"))) <= 15


def test_the_checks_find_what_is_wrong() -> None:
    with visit() as seen:
        seen.page.set_content(
            "<p style='color: #999'>pale</p><img src='data:,'><p style='width: 3000px'>wide</p>"
            "<svg aria-label='drawn'><text y='20' fill='#e69f00'>orange</text><text y='40'>ink</text></svg>"
            "<div class='scroll' aria-label='cut' style='height: 9px; overflow: auto' tabindex='0'>a<br>b</div>"
        )
        assert seen.page.evaluate(CONTRASTS) == ["pale", "orange"]
        assert seen.page.evaluate(CUT_OFF) == ["cut"]
        assert {"color-contrast", "image-alt", "page-has-heading-one"} <= {rule for rule, _ in violations(seen)}
        assert len(seen.page.evaluate(WIDE, 1280)) == 1
