"""The page: well formed, self-contained, every link leads somewhere, every number says where it is from."""

import json
import re
import shutil
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from markupsafe import escape

from meshcil.core.artifacts import write_json_atomic
from meshcil.core.errors import InputError
from meshcil.core.hashing import sha256_file
from meshcil.reporting.table import read_table, read_texts
from meshcil.stages import figure, report, table
from meshcil.stages.command import execute
from tests.reporting.conftest import judge_smoke

REPOSITORY = Path(__file__).parents[2]
VOID = {"meta", "link", "br", "img", "hr", "input"}


class Page(HTMLParser):
    """Elements of a page; fails on tags that do not nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.stack: list[str] = []
        self.in_cell = False
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.cells: list[tuple[dict[str, str | None], str]] = []
        self.feed(text)
        self.close()
        assert self.stack == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), f"an attribute of <{tag}> is given twice"
        self.elements.append((tag, dict(attrs)))
        if tag in ("td", "dd"):
            self.in_cell = "data-file" in dict(attrs)
        if "data-file" in dict(attrs):
            self.cells.append((dict(attrs), ""))
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.stack[-1:] != ["style"]:
            self.words.append(data)
        if self.in_cell and (self.stack[-1:] in (["td"], ["dd"]) or self.stack[-2:] in (["td", "a"], ["dd", "a"])):
            self.cells[-1] = (self.cells[-1][0], self.cells[-1][1] + data.strip())

    def values(self, attribute: str) -> list[str]:
        return [attrs[attribute] or "" for _, attrs in self.elements if attribute in attrs]


def write_page() -> Page:
    report.main(config=Path("config"), experiments=["smoke"], out=Path("reports/index.html"))
    return Page(Path("reports/index.html").read_text(encoding="utf-8"))


def test_the_page_is_well_formed_and_self_contained(workplace: Path) -> None:
    page = write_page()
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    text = Path("reports/index.html").read_text(encoding="utf-8")
    # Links to the papers are followed by readers alone.
    assert not re.search(r"https?://|@import|src=|<script", re.sub(r'<a href="https://[^"]+">', "", text))
    assert {"html", "title", "main", "h1", "nav"} <= {tag for tag, _ in page.elements}
    assert sum(tag == "h1" for tag, _ in page.elements) == 1
    assert dict(page.elements)["html"]["lang"] == "en"


def test_every_link_resolves(workplace: Path) -> None:
    page = write_page()
    ids = set(page.values("id"))
    links = [link for link in page.values("href") if not link.startswith(("data:", "https:"))]
    assert any(link.endswith("run.json") for link in links)
    for link in links:
        assert link[1:] in ids if link.startswith("#") else Path("reports", link).is_file(), link
    for name in (part for value in page.values("aria-labelledby") for part in value.split()):
        assert name in ids
    drawn = Path("reports/index.html").read_text(encoding="utf-8")
    assert set(re.findall(r"url\(#([^)]+)\)", drawn)) <= ids


def test_every_number_names_its_cell_and_equals_it(workplace: Path) -> None:
    page = write_page()
    tables = {path: read_table(Path("reports", path)) for path in {attrs["data-file"] for attrs, _ in page.cells}}
    assert len(page.cells) > 60
    for attrs, text in page.cells:
        table = tables[attrs["data-file"]]
        part = table.find_column(attrs["data-column"], "t")
        assert text.replace("\u202f", "") == part.cells[table.find_row(attrs["data-row"], "t")]


def test_every_measured_number_leads_to_the_scores_it_is_made_from(workplace: Path) -> None:
    page = write_page()
    text = Path("reports/index.html").read_text(encoding="utf-8")
    found = json.loads(Path("reports/origins.json").read_text())
    scores = pd.read_csv("results/experiments/smoke.csv", keep_default_na=False, dtype={"seed": str})
    checked = 0
    for attrs, number in page.cells:
        row, column = attrs["data-row"], attrs["data-column"]
        if attrs["data-file"] == "runtime.csv" or "[" not in column or not number:
            continue
        anchor = found["numbers"][attrs["data-file"]][row][column]
        assert f'id="{anchor}"' in text and f'href="#{anchor}">{number}</a>' in text
        origin = found["origins"][anchor]
        chosen = scores[(scores[list(origin["filter"])] == pd.Series(origin["filter"])).all(axis=1)]
        assert {s: v for s, (v, _) in origin["values"].items()} == dict(zip(chosen.seed, chosen.value, strict=True))
        if "%" in column:
            assert float(number) == pytest.approx(100 * chosen.value.mean(), abs=0.006)
        checked += 1
    assert checked > 40


def test_the_difference_of_a_claim_leads_to_the_scores_it_is_made_from(workplace: Path) -> None:
    judge_smoke()
    page = write_page()
    text = Path("reports/index.html").read_text(encoding="utf-8")
    found = json.loads(Path("reports/origins.json").read_text())
    cells = [(attrs["data-row"], number) for attrs, number in page.cells if attrs["data-file"] == "tables/claims.csv"]
    assert cells
    for row, number in cells:
        anchor = found["numbers"]["tables/claims.csv"][row]["difference"]
        assert f'id="{anchor}"' in text and f'href="#{anchor}">{number}</a>' in text
        parts = found["origins"][anchor]["contrast_of"]
        assert len(parts) >= 2 and all(f'id="{part}"' in text for part in parts)
        assert "inemo-smoke" in {found["origins"][part]["filter"]["method"] for part in parts}


SAME_DATA = "primitives3d-tiny, 2-2, total-16"
"""Data on which the made-up runs measure a claim, with one seed."""


def test_kept_verdicts_stand_beside_those_of_the_page_and_are_told_from_them(
    workplace: Path, keep_scores: Callable[..., None]
) -> None:
    judge_smoke()
    for name, claim, data, seeds in (
        ("large", "inemo-pose", SAME_DATA, 3),
        ("other", "memo-above-der", "digits, 2-2, bytes-100", 5),
        ("single", "inemo-needs-replay", "digits, 5-5", 1),
    ):
        keep_scores(name, claim, data, seeds)
    rows = claim_rows()
    here = next(row for row in rows if "this page" in row)
    assert "docs/results" not in here and SAME_DATA in here and "1 seed" in here
    found = {name: next(row for row in rows if f"kept {name}" in row) for name in ("large", "other", "single")}
    assert all("+2.34" in row and "this page" not in row for row in found.values())
    assert all("+2.34 +1.11 to +3.57" in found[name] for name in ("large", "other"))
    assert "3 seeds ✓ holds kept large docs/results/large.md" in found["large"]
    assert "5 seeds ✓ holds kept other docs/results/other.md" in found["other"]
    assert "1 seed ? not decided kept single" in found["single"]
    words = " ".join("".join(write_page().words).split())
    assert "By this page’s runs not decided 3 Kept results holds 2 not decided 1 By neither not measured" in words


def test_claims_are_drawn_line_by_line_and_kept_ones_are_folded(
    workplace: Path, keep_scores: Callable[..., None]
) -> None:
    judge_smoke()
    keep_scores("other", "memo-above-der", "digits, 2-2, bytes-100", 5)
    write_page()
    text = Path("reports/index.html").read_text(encoding="utf-8")
    claims = text[text.index('id="claims"') : text.index('id="made"')]
    folded = claims.index('<details class="earlier">')
    own, kept = claims[:folded], claims[folded:]
    assert own.count('<details class="claim">') == 3 and "kept" not in "".join(re.findall('<g class="([^"]*)"', own))
    assert '<g class="mark holds kept"><title>digits, 2-2, bytes-100: +2.34 (+1.11 to +3.57) points, 5 seeds' in kept
    assert 'class="published"' in kept, "the paper gives two averages"
    assert len(text.encode()) < 2_000_000


def test_the_page_begins_with_what_came_out(workplace: Path) -> None:
    words = " ".join("".join(write_page().words).split())
    table = read_texts(Path("reports/tables/smoke-summary.csv")).set_index("method")["last [%]"]
    assert "After the last step" in words and words.index("After the last step") < words.index("At a glance")
    assert f"{max(table, key=float)} % of the test images of all classes correctly" in words


def test_only_what_the_page_does_not_decide_itself_is_taken_from_kept_results(
    workplace: Path, keep_scores: Callable[..., None]
) -> None:
    judge_smoke()
    keep_scores("same", "inemo-pose", SAME_DATA, 1)
    assert not any("kept same" in row for row in claim_rows())
    table = read_texts(Path("reports/tables/claims.csv"))
    table.loc[table["claim"] == "inemo-pose", "seeds"] = "3"
    table.to_csv("reports/tables/claims.csv", index=False)
    keep_scores("large", "inemo-pose", SAME_DATA, 5)
    assert not any("kept large" in row for row in claim_rows())


def test_kept_scores_are_judged_by_the_terms_of_today(workplace: Path, keep_scores: Callable[..., None]) -> None:
    keep_scores("old", "inemo-pose", "digits, 2-2, total-8", 3)
    assert any("+2.34" in row and "kept old" in row for row in claim_rows())
    file = Path("config/claims/inemo.yaml")
    twice = file.read_text().replace("- {metric: pose_accuracy_pi6, ", "- {weight: 2, metric: pose_accuracy_pi6, ")
    file.write_text(twice)
    assert any("+54.68" in row and "kept old" in row for row in claim_rows())


def test_claims_without_any_verdict_are_listed_openly(workplace: Path) -> None:
    page = write_page()
    unmeasured = [row for row in read_texts(Path("reports/tables/claims.csv")).to_dict("records") if not row["seeds"]]
    words = " ".join("".join(page.words).split())
    assert unmeasured and all(row["statement"] in words for row in unmeasured)
    text = Path("reports/index.html").read_text(encoding="utf-8")
    claims = text[text.index('id="claims"') : text.index('id="made"')]
    seen = re.sub(r"<details.*?</details>", "", claims, flags=re.DOTALL)
    assert all(str(escape(row["statement"])) in seen for row in unmeasured)


def test_kept_scores_are_inputs_of_the_record(workplace: Path, keep_scores: Callable[..., None]) -> None:
    keep_scores("large", "inemo-pose", SAME_DATA, 3)
    write_page()
    inputs = {entry["path"] for entry in json.loads(Path("reports/report.record.json").read_text())["inputs"]}
    assert {"docs/results/large/scores.csv", "docs/results/large/provenance.json"} <= set(inputs)
    assert any(path.endswith("claims/inemo.yaml") for path in inputs)


def claim_rows() -> list[str]:
    """Words of each row of the tables of claims, on a page that is written anew."""
    write_page()
    text = Path("reports/index.html").read_text(encoding="utf-8")
    rows = re.findall(r"<tr.*?</tr>", text[text.index('id="claims"') : text.index('id="made"')], re.DOTALL)
    return [" ".join(re.sub("<[^>]+>", " ", row).split()) for row in rows]


def test_every_table_and_figure_is_there_for_papers_and_listed(workplace: Path) -> None:
    judge_smoke()
    page = write_page()
    listed = set(page.words)
    files = [path.relative_to("reports").as_posix() for path in Path("reports").rglob("*.[cstp][sved][vgxf]")]
    assert {Path(name).suffix for name in files} == {".csv", ".tex", ".svg", ".pdf"}
    assert set(files) <= listed
    assert {name.removesuffix(".csv") + ".tex" for name in files if name.endswith(".csv")} <= set(files)
    verdicts = Path("reports/tables/claims.tex").read_text()
    assert r"statement & data & difference & low & high & seeds & verdict \\" in verdicts and "not decided" in verdicts
    assert r"stage & jobs & total [s] & mean [s] & longest [s] \\" in Path("reports/runtime.tex").read_text()


def test_the_reader_s_own_results_come_before_claims_and_kept_verdicts(
    workplace: Path, keep_scores: Callable[..., None]
) -> None:
    keep_scores("large", "inemo-pose", SAME_DATA, 3)
    write_page()
    text = Path("reports/index.html").read_text(encoding="utf-8")
    places = [text.index(f'id="{name}"') for name in ("experiment-smoke", "block-smoke-summary", "claims", "made")]
    assert places == sorted(places)
    assert '<a href="https://' in text[places[2] :], "papers are linked"


def test_text_of_the_settings_is_escaped(workplace: Path) -> None:
    assert "inemo-smoke <&>" in "".join(write_page().words)
    assert "inemo-smoke &lt;&amp;&gt;" in Path("reports/index.html").read_text(encoding="utf-8")


def test_figures_follow_the_page(workplace: Path) -> None:
    write_page()
    text = Path("reports/index.html").read_text(encoding="utf-8")
    drawings = re.findall(r"<svg.*?</svg>", re.sub('<svg class="plot".*?</svg>', "", text, flags=re.DOTALL), re.DOTALL)
    assert len(drawings) == 3
    for drawing in drawings:
        assert "var(--ink)" in drawing
        assert "#24292f" not in drawing and "#0072b2" not in drawing
        assert 'role="img"' in drawing and "aria-label" in drawing


def test_facts_and_times_come_from_the_records(workplace: Path) -> None:
    words = " ".join("".join(write_page().words).split())
    record = json.loads(Path("reports/tables/table-smoke-summary.record.json").read_text())
    assert record["environment"]["host"] in words
    assert record["source"]["lock_sha256"][:12] in words
    times = pd.read_csv("reports/runtime.csv").set_index("stage")
    assert dict(times["jobs"]) == {"resolve": 2, "table": 5, "figure": 3, "claims": 1}
    seconds = sum(json.loads(path.read_text())["seconds"] for path in Path().rglob("*.record.json"))
    page = json.loads(Path("reports/report.record.json").read_text())["seconds"]
    assert f"Runs 2 (2 methods, 1 budget, 1 seed) Measured cost 11 jobs, {seconds - page:.1f} s" in words
    assert f"Jobs11 {seconds - page:.1f} s of work in all" in words, "counted in one way"
    assert "Method inemo-smoke" in words and "training.epochs" in words


def test_the_first_step_counts_in_each_of_the_runs_that_share_it(workplace: Path) -> None:
    path = next(Path("results/runs").rglob("icarl-smoke/*/*/resolve.record.json"))
    record = json.loads(path.read_text())
    first = path.parents[2] / "any" / path.parent.name / "step0/train.record.json"
    write_json_atomic(first, record | {"stage": "train", "seconds": 7200.0})
    facts = {"path": first.as_posix(), "sha256": sha256_file(first)}
    write_json_atomic(path, record | {"parents": [facts], "seconds": 600.0})
    words = " ".join(" ".join(write_page().words).split())
    assert "iCaRL (smoke) primitives3d-tiny 2-2 total-16 0 2 h 10 min run.json" in words


def test_what_is_missing_is_said_to_be_missing(workplace: Path) -> None:
    Path("reports/tables/smoke-steps.csv").unlink()
    Path("reports/figures/smoke-steps.svg").unlink()
    page = write_page()
    assert "Not measured." in "".join(page.words)
    assert not any("smoke-steps." in link for link in page.values("href"))


def test_nothing_measured_still_gives_a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(REPOSITORY / "config", "config")
    page = write_page()
    assert page.cells == []


def test_equal_files_give_equal_bytes(workplace: Path) -> None:
    write_page()
    first = Path("reports/index.html").read_bytes()
    write_page()
    assert Path("reports/index.html").read_bytes() == first


def test_published_values_stand_in_a_column_of_their_own(workplace: Path) -> None:
    folder = Path("config/published")
    folder.mkdir(exist_ok=True)
    (folder / "smoke-summary.yaml").write_text("source: a paper\nvalues: {inemo-smoke: {last: 12.5}}\n")
    scores, out = Path("results/experiments/smoke.csv"), Path("reports/tables/smoke-summary.csv")
    table.main(config=Path("config"), experiment="smoke", name="smoke-summary", scores=scores, out=out)
    frame = read_texts(out).set_index("method")
    columns = list(frame.columns)
    assert columns.index("last published [%]") == columns.index("last [%]") + 1
    assert frame.loc["inemo-smoke", "last published [%]"] == "12.50"
    assert frame.loc["icarl-smoke", "last published [%]"] == ""
    assert "last published" in "".join(write_page().words)
    (folder / "smoke-summary.yaml").write_text("source: a paper\nvalues: {inemo-smoke: {colour: 1.0}}\n")
    with pytest.raises(InputError, match="colour"):
        table.main(config=Path("config"), experiment="smoke", name="smoke-summary", scores=scores, out=out)


@pytest.mark.parametrize("stage", [table, figure])
def test_an_unknown_name_is_one_message(stage, workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scores = "results/experiments/smoke.csv"
    arguments = ["--config", "config", "--experiment", "smoke", "--name", "nope", "--scores", scores, "--out", "x"]
    with pytest.raises(SystemExit) as caught:
        execute(stage.main, arguments)
    assert caught.value.code == 2
    message = capsys.readouterr().err
    assert "nope" in message and "smoke-steps" in message and "Traceback" not in message
    assert not Path("x").exists()


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("reports/tables/smoke-steps.csv", b"\xff\xfe\x00"),
        ("reports/figures/smoke-steps.svg", b"\xff\xfe\x00"),
        ("reports/figures/smoke-steps.svg", b"not a drawing"),
        ("reports/tables/table-smoke-steps.record.json", b"[]"),
        ("reports/tables/table-smoke-steps.record.json", b"{"),
    ],
)
def test_damaged_files_are_one_message(path: str, content: bytes, workplace: Path) -> None:
    Path(path).write_bytes(content)
    with pytest.raises(InputError, match=Path(path).name):
        write_page()
    assert not Path("reports/index.html").exists()


def variables(block: str) -> dict[str, str]:
    return dict(re.findall(r"--([a-z]+): (#[0-9a-f]{6});", block))


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_is_readable_in_both_schemes(scheme: str) -> None:
    """WCAG 2.1: at least 4.5 to 1 for text (1.4.3; verdicts are text too), 3 to 1 for lines and marks (1.4.11)."""
    style = (REPOSITORY / "src/meshcil/reporting/templates/report.css").read_text()
    colours = variables(style[: style.index("@media")])
    if scheme == "dark":
        colours |= variables(style[style.index("@media") : style.index("*, *")])
    for name in ("ink", "muted", "accent", "blue", "vermilion", "green", "purple", "grey", "orange", "sky"):
        for ground in ("panel", "page") if name in ("ink", "muted", "accent") else ("panel",):
            bright, dim = sorted((luminance(colours[name]), luminance(colours[ground])), reverse=True)
            assert (bright + 0.05) / (dim + 0.05) >= (3 if name in ("orange", "sky") else 4.5), (name, ground)
