"""What all commands share: where they may run, what they print in odd terminals, how they end, what they import."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from meshcil.cli.application import app
from meshcil.core.naming import known_names
from meshcil.stages.command import run
from tests.cli.conftest import ROOT, stand_in


def python(script: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """A program of its own, in a folder outside of the checkout."""
    variables = {name: value for name, value in os.environ.items() if name != "COLUMNS"} | environment
    return subprocess.run([sys.executable, "-c", script], cwd=folder, env=variables, capture_output=True, text=True)


def said(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[object, str]:
    with pytest.raises(SystemExit) as stop:
        run(app, arguments)
    printed = capsys.readouterr()
    return stop.value.code, printed.out + printed.err


def test_the_version_and_the_lists_name_what_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert said(["--version"], capsys)[1] == f"meshcil 0.1.0 in {ROOT}\n"
    code, text = said(["list", "experiments", "datasets"], capsys)
    assert not code and "experiments:" in text and "datasets:" in text and "protocols:" not in text
    assert "smoke  " in text and "Smoke test of the whole pipeline" in text
    code, text = said(["list", "claimz"], capsys)
    assert code == 2 and "Choose from experiments, methods, datasets, protocols" in text


def test_the_shell_completes_the_last_of_several_experiments(tmp_path: Path) -> None:
    words = {"_MESHCIL_COMPLETE": "complete_bash", "COMP_WORDS": "meshcil check laptop,smok", "COMP_CWORD": "2"}
    done = python("import sys; sys.argv = ['meshcil']; from meshcil.cli import main; main()", tmp_path, **words)
    assert done.stdout.split() == ["laptop,smoke"]


@pytest.mark.parametrize(
    ("place", "cause"), [("docs", "is inside the checkout"), ("../copy", "is a checkout of its own")]
)
def test_a_wrong_folder_is_named(
    place: str, cause: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("checkout", "copy"):
        shutil.copytree(ROOT / "config", tmp_path / name / "config")
        (tmp_path / name / "src/meshcil").mkdir(parents=True)
    (tmp_path / "checkout/docs").mkdir()
    stand_in(monkeypatch, tmp_path / "checkout")
    assert not said(["list", "protocols"], capsys)[0]
    monkeypatch.chdir(place)
    code, text = said(["list", "protocols"], capsys)
    assert code == 2 and text.startswith(f"error: {Path.cwd()}: {cause}")


def test_without_a_checkout_it_says_what_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stand_in(monkeypatch, tmp_path)
    code, text = said(["check", "smoke"], capsys)
    assert code == 2 and "is installed without its checkout" in text and "Clone the repository" in text
    missing = "import sys; sys.modules['typer'] = None; from meshcil.cli import main; main()"
    done = python(missing, tmp_path)
    assert done.returncode == 2 and done.stderr.startswith("error: meshcil: needs the package `typer`")


def test_no_quick_command_imports_what_only_jobs_need(tmp_path: Path) -> None:
    script = """
import sys
from meshcil.cli.application import app
for words in (["--help"], ["list"], ["check", "smoke"], ["status", "smoke"]):
    try:
        app(args=words)
    except SystemExit as stop:
        assert not stop.code, words
    assert not {"torch", "pandas", "matplotlib"} & sys.modules.keys(), words
"""
    done = python(script, tmp_path)
    assert done.returncode == 0, done.stderr


def test_a_terminal_of_no_width_and_one_without_a_degree_sign_get_their_text(tmp_path: Path) -> None:
    script = """
import sys
sys.argv = ["meshcil", "--help"]
from meshcil.cli import main
try:
    main()
except SystemExit:
    print("30\\u00b0")
"""
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = python(script, tmp_path, COLUMNS="0", **ascii_only)
    assert "reproduced and audited" in done.stdout and done.stdout.endswith("30?\n"), done.stderr


def test_an_interrupt_is_one_line_and_exit_code_130(tmp_path: Path) -> None:
    script = """
import os, signal
import meshcil.stages.command as command
command.run = lambda *_: os.kill(os.getpid(), signal.SIGINT)
from meshcil.cli import main
main()
"""
    done = python(script, tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "\nInterrupted\n")


def test_of_many_names_the_nearest_five_are_shown() -> None:
    text = known_names("smok", [f"name{i}" for i in range(40)] + ["smoke"])
    assert text.startswith("Did you mean `smoke`? Known: smoke, ") and text.endswith(" and 36 more")
