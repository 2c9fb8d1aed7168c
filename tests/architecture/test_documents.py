"""Documents name only what exists: links, tests, make targets, subcommands, configurations."""

import re
from pathlib import Path

import pytest

from meshcil.cli import app
from meshcil.core.naming import available

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "config").glob("*.md")])
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)|<img src=\"([^\"]+)\"")
TEST = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")
MAKE = re.compile(r"\bmake ([a-z-]+)\b(?:[^`\n]*?EXPERIMENT=([a-z0-9-]+))?(?:[^`\n]*?PROFILE=([a-z]+))?")
# What the pages on extensions tell the reader to write.
TO_BE_WRITTEN = {"smoothed", "crates", "signs", "smoothed-replay"}


def names(folder: str) -> set[str]:
    return {path.stem for path in (ROOT / "config" / folder).glob("*.yaml")}


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def anchors(page: Path) -> set[str]:
    """Anchors that the headings of a page get: lower case, punctuation left out, `-` for each space."""
    titles = re.findall(r"^#+ (.*)$", FENCED.sub("", text_of(page)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


def typed(page: Path) -> list[str]:
    """Lines of indented and shell blocks."""
    text = text_of(page)
    blocks = re.findall(r"^```bash\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    indented = re.findall(r"^    (\S.*)$", text, re.MULTILINE)
    return [*indented, *(line for block in blocks for line in block.splitlines())]


def commands(page: Path) -> list[str]:
    """Inline code, and lines of indented and shell blocks."""
    return [*re.findall(r"`([^`\n]+)`", FENCED.sub("", text_of(page))), *typed(page)]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_links_resolve(page: Path) -> None:
    for markdown, html in LINK.findall(FENCED.sub("", text_of(page))):
        target, _, anchor = (markdown or html).partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        file = (page.parent / target).resolve() if target else page
        assert file.exists(), f"{page.name} links to {target}"
        assert file.is_relative_to(ROOT), f"{page.name} links out of the repository"
        assert not anchor or anchor in anchors(file), f"{page.name} links to the heading {anchor} of {file.name}"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_tests_that_are_named_exist(page: Path) -> None:
    for file, name in TEST.findall(text_of(page)):
        assert (ROOT / file).is_file(), f"{page.name} names {file}"
        assert not name or f"def {name}(" in text_of(ROOT / file), f"{page.name} names {file}::{name}"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_commands_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    subcommands = {command.name or command.callback.__name__ for command in app.registered_commands}
    subcommands |= {group.name for group in app.registered_groups}
    profiles = {path.name for path in (ROOT / "workflow/profiles").iterdir()}
    for command in commands(page):
        for target, experiment, profile in MAKE.findall(command):
            assert target in targets, f"{page.name}: make {target}"
            assert not experiment or experiment in names("experiments") | TO_BE_WRITTEN, f"{page.name}: {command}"
            assert not profile or profile in profiles, f"{page.name}: {command}"
        for name in re.findall(r"(?:^|/)meshcil ([a-z]+)", command):
            assert name in subcommands, f"{page.name}: meshcil {name}"
        for module in re.findall(r"-m (meshcil(?:\.\w+)+)(?:\s|$)", command):
            path = ROOT / "src" / module.replace(".", "/")
            assert path.with_suffix(".py").is_file(), f"{page.name}: {command}"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_what_is_typed_is_found_without_an_activated_environment(page: Path) -> None:
    tools = ("meshcil", "pytest", "snakemake", "dvc", "mlflow", "python")
    bare = [line for line in typed(page) if line.split()[0] in tools]
    assert not bare, f"{page.name}: `.venv/bin/` is missing before {bare}"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_files_that_are_named_exist(page: Path) -> None:
    own = set(re.findall(r"^`([\w./-]+)`$", text_of(page), re.MULTILINE))
    for name in re.findall(r"`((?:config|src|workflow|docs|benchmarks)/[\w./-]+\.\w+)`", text_of(page)):
        assert name in own or (ROOT / name).exists(), f"{page.name} names {name}"


def test_the_readme_speaks_of_methods_and_settings_that_exist() -> None:
    text = text_of(ROOT / "README.md")
    known = {*names("methods"), *names("experiments"), *names("datasets"), *available("meshcil.methods")}
    assert {"inemo-paper", "finetune", "joint"} <= known & set(re.findall(r"`([a-z0-9-]+)`", text))
    for word in re.findall(r"`((?:inemo|icarl|finetune|joint|smoke|laptop|primitives3d)[a-z0-9-]*)`", text):
        assert word in known, f"README names {word}"


def test_the_readme_counts_no_more_methods_than_there_are() -> None:
    words = {"Eleven": 11, "Twelve": 12, "Thirteen": 13, "Fourteen": 14, "Fifteen": 15}
    [word] = re.findall(r"(\w+) further methods to compare with", text_of(ROOT / "README.md"))
    # One's own method makes it more, and needs no edit of the README.
    assert words[word] <= len(set(available("meshcil.methods")) - {"inemo", "memo"})


def test_the_measured_part_of_the_readme_has_its_markers() -> None:
    text = text_of(ROOT / "README.md")
    assert text.index("<!-- measured: begin -->") < text.index("<!-- measured: end -->")
