"""What a run says at its end: the numbers of its summary table and the page's address."""

from pathlib import Path

from meshcil.cli.summary import summary

REPOSITORY = Path(__file__).parents[2]
TABLE = """method,label,budget,seeds,average [%],average std [%],last [%],last std [%],forgetting [%],forgetting std [%]
inemo-smoke,iNeMo,total-16,3,40.62,1.50,31.25,0.50,12.50,2.00
icarl-smoke,iCaRL,total-16,3,50.00,1.00,,,,
"""


def test_numbers_are_those_of_the_table_and_the_page_is_named(tmp_path: Path) -> None:
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables/smoke-summary.csv").write_text(TABLE)
    text = summary(["smoke"], REPOSITORY / "config", tmp_path)
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "method average [%] last [%] forgetting [%]" in lines
    assert "iNeMo 40.62 ± 1.50 31.25 ± 0.50 12.50 ± 2.00" in lines and "iCaRL 50.00 ± 1.00 – –" in lines
    assert lines[-1] == f"Report: {(tmp_path / 'index.html').resolve().as_uri()}"


def test_without_a_table_only_the_page_is_named(tmp_path: Path) -> None:
    assert summary(["smoke"], REPOSITORY / "config", tmp_path).startswith("Report: file://")
