"""Pages of the methods and the README's table: complete, and read from configuration and kept results."""

import shutil
from pathlib import Path

import pytest

from meshcil.core.errors import InputError
from meshcil.reporting.kept import Kept, read_kept
from meshcil.reporting.method_pages import elsewhere_table, method_page, method_table, read_facts

ROOT = Path(__file__).parents[2]
CONFIG, FACTS = ROOT / "config", ROOT / "docs/methods.yaml"


@pytest.fixture(scope="module")
def kept() -> list[Kept]:
    return read_kept(ROOT / "docs/results")


def test_the_tables_of_the_documents_are_those_that_the_files_give() -> None:
    facts = read_facts(FACTS, CONFIG)
    assert method_table(facts, CONFIG) in (ROOT / "README.md").read_text(encoding="utf-8")
    assert elsewhere_table(facts) in (ROOT / "docs/coming-from.md").read_text(encoding="utf-8")
    menu = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    assert all(f"methods/{kind}.md" in menu for kind in facts)


def test_a_page_has_paper_formula_settings_and_the_mean_of_the_kept_scores(kept: list[Kept]) -> None:
    facts = read_facts(FACTS, CONFIG)
    page = method_page("memo", facts["memo"], CONFIG, kept)
    assert "# MEMO" in page and "https://arxiv.org/abs/2205.13218" in page and "PyCIL: `memo`" in page
    assert "| `specialised` | 1 |" in page and "`memo-2`" in page
    scores = next(one.scores for one in kept if one.name == "methods-embedded")
    rows = scores[
        (scores["method"] == "memo") & (scores["metric"] == "last_accuracy") & (scores["test_set"] == "clean")
    ]
    last = rows[(rows["class_name"] == "") & (rows["task"] == "")]["value"].mean()
    (line,) = [line for line in page.splitlines() if "methods-embedded" in line and "| `memo` |" in line]
    assert f"| {100 * last:.2f} |" in line


def test_every_kind_has_facts_and_every_page_can_be_made(kept: list[Kept], tmp_path: Path) -> None:
    facts = read_facts(FACTS, CONFIG)
    for kind, known in facts.items():
        assert method_page(kind, known, CONFIG, kept).startswith("# ")
    shutil.copytree(CONFIG, tmp_path / "config")
    (tmp_path / "config/methods/memo.yaml").unlink()
    with pytest.raises(InputError, match=r"methods\.yaml.*memo"):
        read_facts(FACTS, tmp_path / "config")
