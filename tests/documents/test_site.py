"""The documents as pages: built without a warning, complete, and read without a network."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from mkdocs.commands.build import build
from mkdocs.config import load_config

from tests.browser import visit

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages, in a folder that lies where `site` does, beside links to the sources."""
    folder = tmp_path_factory.mktemp("checkout")
    for path in ROOT.iterdir():
        if not path.name.startswith("."):
            (folder / path.name).symlink_to(path)
    build(load_config(str(ROOT / "mkdocs.yml"), site_dir=str(folder / "pages"), strict=True))
    return folder / "pages"


def test_every_document_is_in_the_menu(site: Path) -> None:
    documents = {p.relative_to(ROOT / "docs").with_suffix(".html").as_posix() for p in (ROOT / "docs").rglob("*.md")}
    menu = (site / "index.html").read_text()
    missing = [name for name in documents - {"index.html"} if f'href="{name}"' not in menu]
    assert not missing, f"{missing} are not in the menu: add them under `nav` in mkdocs.yml"


def test_the_reference_names_what_packages_export(site: Path) -> None:
    text = (site / "reference.html").read_text()
    for name in ("meshcil.rendering.rasterize", "meshcil.geometry.CuboidMesh", "meshcil.evaluation.forgetting"):
        assert name in text


def test_pages_need_no_network_and_their_links_resolve(site: Path) -> None:
    with visit(viewport={"width": 390, "height": 800}) as seen:
        for file in sorted(site.rglob("*.html")):
            if file.name == "404.html":
                continue
            seen.page.goto(file.as_uri())
            links = seen.page.eval_on_selector_all("a[href]", "links => links.map(link => link.href)")
            for link in filter(lambda address: address.startswith("file:"), links):
                assert Path(unquote(urlsplit(link).path)).exists(), f"{file.name} links to {link}"
            width = seen.page.evaluate("document.documentElement.scrollWidth")
            assert width <= 390, f"{file.name} is {width} pixels wide"
        assert all(url.startswith(("file:", "data:")) for url in seen.requests), seen.requests
        assert not seen.console


def test_search_finds_from_disk(site: Path) -> None:
    with visit(viewport={"width": 1400, "height": 1000}) as seen:
        seen.page.goto((site / "index.html").as_uri())
        seen.page.click(".md-search__input")
        seen.page.type(".md-search__input", "herding")
        seen.page.wait_for_selector(".md-search-result__item a[href*='icarl']")
        assert not seen.console
