"""Documents name only what exists: links, tests, make targets, subcommands, configurations."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from meshcil.cli.application import app
from meshcil.config.experiment import load_experiment, run_keys
from meshcil.config.variants import method_names
from meshcil.core.naming import available

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "config").glob("*.md")])
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)|<img src=\"([^\"]+)\"")
TEST = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")
FILE = re.compile(r"`((?:config|src|workflow|docs|benchmarks)/[\w./-]+\.\w+)`")
MAKE = re.compile(r"\bmake ([a-z-]+)\b(?:[^`\n]*?EXPERIMENT=([a-z0-9-]+))?(?:[^`\n]*?PROFILE=([a-z]+))?")
# What the pages on extensions tell the reader to write.
TO_BE_WRITTEN = {"smoothed", "crates", "signs", "smoothed-replay"}


@cache
def names(folder: str) -> set[str]:
    if folder == "methods":
        return set(method_names(ROOT / "config"))
    return {path.stem for path in (ROOT / "config" / folder).glob("*.yaml")}


@cache
def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


@cache
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


def test_links_resolve() -> None:
    broken = []
    for page in PAGES:
        for markdown, html in LINK.findall(FENCED.sub("", text_of(page))):
            link = markdown or html
            if not re.match(r"[a-z]+:", link) and not resolves(page, link):
                broken.append(f"{page.relative_to(ROOT)} links to {link}")
    assert not broken


def resolves(page: Path, link: str) -> bool:
    """Whether a link of a page leads to a file of the repository, and to a heading where it names one."""
    target, _, anchor = link.partition("#")
    file = (page.parent / target).resolve() if target else page
    return file.exists() and file.is_relative_to(ROOT) and (not anchor or anchor in anchors(file))


def test_files_and_tests_that_are_named_exist() -> None:
    missing = []
    for page in PAGES:
        text = text_of(page)
        own = set(re.findall(r"^`([\w./-]+)`$", text, re.MULTILINE))
        files = [name for name in FILE.findall(text) if name not in own and not (ROOT / name).exists()]
        tests = [f"{file}::{name}" for file, name in TEST.findall(text) if not has_test(ROOT / file, name)]
        missing += [f"{page.relative_to(ROOT)} names {name}" for name in [*files, *tests]]
    assert not missing


def has_test(file: Path, name: str) -> bool:
    """Whether a file of tests is there, and the test where one is named."""
    return file.is_file() and (not name or f"def {name}(" in text_of(file))


def test_commands_exist() -> None:
    wrong = [f"{page.relative_to(ROOT)}: {command}" for page in PAGES for command in commands(page) if unknown(command)]
    assert not wrong


def unknown(command: str) -> set[str]:
    """Targets, experiments, profiles, subcommands and modules that a command names and that do not exist."""
    named = MAKE.findall(command)
    modules = re.findall(r"-m (meshcil(?:\.\w+)+)(?:\s|$)", command)
    return {
        *({target for target, _, _ in named} - targets()),
        *({experiment for _, experiment, _ in named if experiment} - names("experiments") - TO_BE_WRITTEN),
        *({profile for _, _, profile in named if profile} - profiles()),
        *(set(re.findall(r"(?:^|/)meshcil ([a-z]+)", command)) - subcommands()),
        *(m for m in modules if not (ROOT / "src" / m.replace(".", "/")).with_suffix(".py").is_file()),
    }


def test_runs_and_tables_that_are_named_are_made() -> None:
    experiments = [load_experiment(name, ROOT / "config") for name in ("laptop", "smoke")]
    runs = {str(key.path) for experiment in experiments for key in run_keys(experiment)}
    rows = {(table.name, key.method) for e in experiments for table in e.tables for key in run_keys(e)}
    for page in PAGES:
        text = text_of(page)
        folders = re.findall(r"results/runs/((?:[\w-]+/){4}seed\d+)", text)
        models = [name.replace(".", "/") for name in re.findall(r"models:/([\w.-]+)/\d", text)]
        asked = re.findall(r"reports/tables/([\w-]+)\.csv --row ([\w-]+)", text)
        assert {*folders, *models} <= runs and set(asked) <= rows, page.relative_to(ROOT)


@cache
def targets() -> set[str]:
    """What `make` can be asked for."""
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


@cache
def profiles() -> set[str]:
    """Profiles of the workflow."""
    return {path.name for path in (ROOT / "workflow/profiles").iterdir()}


@cache
def subcommands() -> set[str]:
    """What `meshcil` can be asked for."""
    commands = {command.name or command.callback.__name__ for command in app.registered_commands}
    return commands | {group.name for group in app.registered_groups}


def test_what_is_typed_is_found_without_an_activated_environment() -> None:
    tools = ("meshcil", "pytest", "snakemake", "dvc", "mlflow", "python")
    bare = [f"{page.relative_to(ROOT)}: {line}" for page in PAGES for line in typed(page) if line.split()[0] in tools]
    assert not bare, "`.venv/bin/` is missing"


def test_the_readme_speaks_of_methods_and_settings_that_exist() -> None:
    text = text_of(ROOT / "README.md")
    known = {*names("methods"), *names("experiments"), *names("datasets"), *available("meshcil.methods")}
    assert {"inemo-paper", "finetune", "methods-embedded"} <= known & set(re.findall(r"`([a-z0-9-]+)`", text))
    for word in re.findall(r"`((?:inemo|icarl|finetune|joint|smoke|laptop|primitives3d)[a-z0-9-]*)`", text):
        assert word in known, f"README names {word}"


def test_the_measured_part_of_the_readme_has_its_markers() -> None:
    text = text_of(ROOT / "README.md")
    assert text.index("<!-- measured: begin -->") < text.index("<!-- measured: end -->")


def sections(tree: ast.AST) -> Iterator[str]:
    """Headings of docs/troubleshooting.md that a module names in its messages."""
    for node in ast.walk(tree):
        found: list[ast.expr] = []
        if isinstance(node, ast.Assign) and any(getattr(target, "id", "") == "_SECTION" for target in node.targets):
            found = [node.value]
        elif isinstance(node, ast.Call):
            place = {"InputError": slice(3, 4), "explained": slice(0, 1)}.get(getattr(node.func, "id", ""))
            found = node.args[place] if place else []
        yield from (value.value for value in found if isinstance(value, ast.Constant))


def test_messages_lead_to_headings_that_exist() -> None:
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in (ROOT / "src").rglob("*.py")]
    named = {section for tree in trees for section in sections(tree)}
    assert len(named) > 4
    assert named <= anchors(ROOT / "docs/troubleshooting.md")
