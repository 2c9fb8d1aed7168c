"""The conda environment says what the lock says."""

import re
import tomllib
from pathlib import Path

import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
# Conda builds bring their own CUDA libraries.
FROM_CONDA = re.compile(r"(torch|torchvision|triton|nvidia-.*|cuda-.*)")


def locked() -> dict[str, str]:
    """Name -> version of every package of the lock."""
    return dict(re.findall(r"^([a-z0-9._-]+)==([^ ]+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE))


def environment() -> tuple[dict[str, str], list[str]]:
    """Versions that conda installs, and the arguments given to pip."""
    entries = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    pins = dict(entry.split("=") for entry in entries if isinstance(entry, str) and "=" in entry)
    return pins, next(entry["pip"] for entry in entries if isinstance(entry, dict))


def test_conda_pins_the_locked_torch() -> None:
    pins, _ = environment()
    assert pins["pytorch"] == locked()["torch"]
    assert pins["torchvision"] == locked()["torchvision"]


def test_pip_pins_equal_the_lock() -> None:
    expected = {f"{name}=={version}" for name, version in locked().items() if not FROM_CONDA.fullmatch(name)}
    _, pip = environment()
    # Conda hands the list to pip as a requirements file, in which an option such as `--no-deps` is an error.
    assert {str(Requirement(entry)) for entry in pip} == expected, "run: make lock"


def test_python_is_new_enough() -> None:
    pins, _ = environment()
    required = re.search(r'requires-python = ">=([0-9.]+)"', (ROOT / "pyproject.toml").read_text())
    assert required is not None and pins["python"] == required[1]


def test_lock_names_no_index() -> None:
    text = (ROOT / "requirements.lock").read_text()
    assert "://" not in re.sub(r"#.*", "", text) and "--index" not in text and "--find-links" not in text


def test_lock_has_what_the_requirements_ask_for() -> None:
    lines = [line for line in (ROOT / "requirements.in").read_text().splitlines() if line and line[0] != "#"]
    for line in lines:
        name, _, version = line.partition("==")
        assert name in locked() and version in ("", locked()[name]), line


def test_the_package_asks_for_what_runs_need() -> None:
    needed = (ROOT / "requirements.in").read_text().partition("# Documents")[0].splitlines()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["dependencies"] == [line for line in needed if line and line[0] != "#"]
