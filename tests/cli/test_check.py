"""What is said of a wrong experiment names the file, and the run that brings unsuitable settings together."""

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from meshcil.cli.application import app
from meshcil.cli.check import plan_of
from meshcil.core.errors import InputError
from meshcil.stages.command import run

CONFIG = Path(__file__).resolve().parents[2] / "config"


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the configuration in a folder with a one-letter name, with the experiment `zz` besides."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(CONFIG, "c")
    text = (CONFIG / "experiments/smoke.yaml").read_text()
    Path("c/experiments/zz.yaml").write_text(text.replace("name: smoke-", "name: zz-"))
    return Path("c")


def refused(experiments: str, config: Path) -> str:
    with pytest.raises(InputError) as error:
        plan_of(experiments, config)
    return str(error.value)


RUN = "primitives3d-tiny/2-2/inemo-smoke"


@pytest.mark.parametrize(
    ("file", "line", "wrong", "expected"),
    [
        ("experiments/zz", "budgets: [total-16]", "budgets: [tot-16]", f"run {RUN}/tot-16/seed0: budget 'tot-16': "),
        ("experiments/zz", "suite: robustness", "suite: fog", f"run {RUN}/total-16/seed0: suite 'fog': "),
        ("experiments/zz", "budgets: [total-16]", "budgets: [bytes-9]", f"run {RUN}/bytes-9/seed0: budget bytes-9: "),
        ("methods/inemo", "    partitions: 6", "    partitions: 2", f"run {RUN}/total-16/seed0: partitions: is 2, "),
        ("methods/inemo", "{width: 8}", "{width: 8, name: resnt}", f"run {RUN}/total-16/seed0: backbone 'resnt': "),
    ],
)
def test_the_experiment_and_the_run_are_named(config: Path, file: str, line: str, wrong: str, expected: str) -> None:
    path = config / f"{file}.yaml"
    text = path.read_text()
    assert line in text
    path.write_text(text.replace(line, wrong))
    assert refused("laptop,zz", config).startswith(f"c/experiments/zz.yaml, {expected}")


@pytest.mark.parametrize(
    ("file", "right", "wrong"),
    [("experiments/zz", "suite: robustness", "robustnezz"), ("methods/inemo", "name: pyramid", "pyramidd")],
)
def test_the_name_that_was_probably_meant_is_asked_for(config: Path, file: str, right: str, wrong: str) -> None:
    path = config / f"{file}.yaml"
    setting, name = right.split(": ")
    path.write_text(path.read_text().replace(right, f"{setting}: {wrong}"))
    assert f"Did you mean `{name}`? " in refused("zz", config)


def test_no_name_at_all_is_no_name_of_the_default() -> None:
    assert refused("", CONFIG).startswith("EXPERIMENT: is empty. Name one of config/experiments")


def test_a_message_that_names_its_file_is_left_as_it_is(config: Path) -> None:
    path = config / "methods/inemo.yaml"
    path.write_text(path.read_text().replace("kind: inemo\n", "kind: inemoo\n"))
    assert refused("zz", config).startswith(
        "c/methods/inemo.yaml, variant `smoke`: kind `inemoo` is unknown. Did you mean `inemo`?"
    )
    assert refused("zzz", config).startswith("c/experiments/zzz.yaml: does not exist. Did you mean `zz`?")


def test_what_comes_from_no_run_is_left_as_it_is(config: Path) -> None:
    path = config / "experiments/zz.yaml"
    path.write_text(f"{path.read_text()}\nstudies:\n  - names: [detection-voc-10-10]\n")
    assert refused("zz", config).startswith("data/")


@pytest.mark.parametrize("experiments", ["laptop,", ",laptop", "laptop,,smoke"])
def test_a_comma_without_a_name_is_called_so(experiments: str) -> None:
    assert refused(experiments, CONFIG).startswith(f"`{experiments}`: has a comma without a name. ")


@pytest.mark.parametrize("name", ["../experiments/laptop", " smoke", "Laptop"])
def test_names_that_are_none_are_refused(name: str) -> None:
    assert refused(f"laptop,{name}", CONFIG).startswith(f"`{name}`: is not a valid file name in ")


def test_check_compares_with_the_tables_of_all_experiments(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = config / "experiments/zz.yaml"
    for name, code, expected in (("zz-summary", 0, ""), ("summary", 2, "tables `summary` is also in laptop, ")):
        path.write_text(path.read_text().replace("name: zz-summary", f"name: {name}"))
        with pytest.raises(SystemExit) as stop:
            run(app, ["check", "zz", "--config", "c"])
        assert (stop.value.code or 0) == code and expected in capsys.readouterr().err


@pytest.mark.parametrize("command", ["check", "status"])
def test_a_negative_seed_is_one_message(
    config: Path, command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = config / "experiments/zz.yaml"
    path.write_text(path.read_text().replace("seeds: [0]", "seeds: [-1]"))
    monkeypatch.setattr("meshcil.core.code_digest.repository_root", Path.cwd)
    config.rename("config")
    with pytest.raises(SystemExit) as stop:
        run(app, [command, "zz"])
    assert stop.value.code == 2 and "config/experiments/zz.yaml: `runs.0.seeds.0`: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("experiments", "amount"),
    [
        ("smoke", "2 runs, 4 training steps"),
        ("laptop", "5 runs, 20 training steps"),
        # The first step of a method serves all its budgets.
        ("memo-embedded", "54 runs, 132 training steps"),
        ("eli-smoke", "2 runs, 4 training steps, 2 aligners to fit, 1 study, 2 jobs of studies"),
        ("eli-detection-embedded", "2 studies, 6 jobs of studies"),
        # What two experiments share counts once.
        ("smoke,eli-smoke", "2 runs, 4 training steps, 2 aligners to fit, 1 study, 2 jobs of studies"),
    ],
)
def test_a_check_says_how_much_there_is_to_do(experiments: str, amount: str) -> None:
    done = CliRunner().invoke(app, ["check", experiments, "--config", str(CONFIG)])
    assert done.exit_code == 0 and done.stdout.strip() == f"{experiments}: {amount}"
