"""The report as a browser shows it: on a wide screen and a telephone, in light and dark, by keyboard, on paper."""

from itertools import pairwise
from pathlib import Path

import pytest

from meshcil.stages import report
from tests.browser import Visit, visit

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
    if (element.closest("svg, .hidden")) continue;
    const style = getComputedStyle(element);
    const pair = [light(parse(style.color)), light(ground(element))].sort((a, b) => b - a);
    const least = parseFloat(style.fontSize) >= 24 ? 3 : 4.5;
    if ((pair[0] + 0.05) / (pair[1] + 0.05) < least) found.push(walker.currentNode.textContent.trim().slice(0, 40));
  }
  return found;
}"""
UNNAMED = """() => {
  const all = selector => [...document.querySelectorAll(selector)];
  const found = [
    ...all("img:not([alt]), svg:not([aria-label]):not(svg svg), th:not([scope])"),
    ...all("a[href], summary, button").filter(node => !node.textContent.trim()),
    ...all(".scroll").filter(node => !node.ariaLabel || node.tabIndex !== 0),
  ];
  return found.map(node => node.outerHTML.slice(0, 80));
}"""
LEVELS = "() => [...document.querySelectorAll('h1, h2, h3, h4')].map(node => Number(node.tagName[1]))"
WIDE = """width => [...document.querySelectorAll("body *")]
  .filter(node => node.getBoundingClientRect().right > width + 1 && !node.closest(".scroll, nav, svg, .hidden"))
  .map(node => node.outerHTML.slice(0, 80))"""


@pytest.fixture
def page(workplace: Path) -> str:
    """Address of a report."""
    report.main(config=Path("config"), experiments=["smoke"], out=Path("reports/index.html"))
    return (workplace / "reports/index.html").as_uri()


def accessible(seen: Visit) -> None:
    assert seen.page.evaluate(UNNAMED) == []
    levels = seen.page.evaluate(LEVELS)
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(b <= a + 1 for a, b in pairwise(levels)), levels
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


def test_on_paper_nothing_is_hidden_or_cut_off(page: str, tmp_path: Path) -> None:
    with visit(viewport={"width": 794, "height": 1123}) as seen:
        seen.page.goto(page)
        seen.page.emulate_media(media="print", color_scheme="dark")
        assert seen.page.evaluate("getComputedStyle(document.querySelector('.top')).display") == "none"
        assert seen.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert seen.page.locator("details.settings dl").first.is_visible()
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= 794
        assert len(seen.page.pdf(format="A4")) > 20_000


def test_the_checks_find_what_is_wrong() -> None:
    with visit() as seen:
        seen.page.set_content("<p style='color: #999'>pale</p><img src='data:,'><p style='width: 3000px'>wide</p>")
        assert seen.page.evaluate(CONTRASTS) == ["pale"]
        assert len(seen.page.evaluate(UNNAMED)) == 1
        assert len(seen.page.evaluate(WIDE, 1280)) == 1
