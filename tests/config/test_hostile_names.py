"""Whatever a YAML file names, no name reaches a path or a shell that could do harm there."""

import os
import shlex
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from typer.testing import CliRunner

from meshcil.cli.application import app
from meshcil.config.base import Label, Settings, named_file, read_yaml, validate
from meshcil.config.claims import Claim, ClaimsSettings
from meshcil.config.dataset import DatasetSettings
from meshcil.config.experiment import Artifact, RunBlock
from meshcil.config.run import RunKey
from meshcil.core import limits
from meshcil.core.errors import InputError

DATASET = {
    "description": "d",
    "root": "r",
    "classes": ["a", "b"],
    "image_size": [8, 8],
    "test_sets": {"clean": {"layout": "folder"}},
    "suites": {"clean": ["clean"]},
}
HOSTILE = [
    "x$(touch f)", "`touch f`", "a;b", "a b", "../../f", "/f", "..", ".", "", "-rf", "a\nb", "a\0b", "a/b", "a\\b", "*",
    "~", "{x}", "a'b", 'a"b', "a|b", "a>b", "a#b", "a%b", "é" * 300, "a" * 300, "a" * 5000, "a\n", "a\u202eb",
    "=HYPERLINK(1)", "$\\frac{$",
]  # fmt: skip
names = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=12), st.text(alphabet="a-$(`;/.{\n~ ", max_size=8))


class Labelled(Settings):
    """Something in a table."""

    label: Label
    """Its name."""


def harmless(name: str) -> bool:
    """One part of a path, as it is for a shell, and nothing else."""
    part = shlex.quote(name) == name and name not in ("", ".", "..") and not set("/%+=:,@") & set(name)
    return part and len(name) <= 100 and not name.startswith("-")


@settings(max_examples=150, deadline=None)
@given(names)
def test_no_setting_takes_a_name_that_could_do_harm(name: str) -> None:
    run = {"datasets": ["d"], "protocols": ["p"], "methods": ["m"], "budgets": ["none"]}
    key = {"dataset": "d", "protocol": "p", "method": "m", "budget": "none", "seed": 0}
    for model, content in [
        (DatasetSettings, DATASET | {"suites": {"clean": ["clean"], name: ["clean"]}}),
        (DatasetSettings, DATASET | {"test_sets": DATASET["test_sets"] | {name: {"layout": "folder"}}}),
        (DatasetSettings, DATASET | {"layout": name}),
        (DatasetSettings, DATASET | {"test_sets": {"clean": {"layout": "ood-cv", "nuisance": name}}}),
        (DatasetSettings, DATASET | {"generator": {"kind": name}}),
        *((RunBlock, run | {kind: [name]}) for kind in (*run, "aligners")),
        (RunBlock, run | {"suite": name}),
        (Claim, {"name": name, "statement": "s", "where": "w", "published": "p"}),
        *((RunKey, key | {kind: name}) for kind in key if kind != "seed"),
        (Artifact, {"name": name, "kind": "k", "caption": "c"}),
        (Artifact, {"name": "n", "kind": name, "caption": "c"}),
    ]:
        try:
            model.model_validate(content)
        except ValidationError:
            continue
        assert harmless(name), (model, name)


@settings(max_examples=150, deadline=None)
@given(names)
def test_classes_and_labels_are_one_line_and_no_formula(name: str) -> None:
    for model, content in ((DatasetSettings, DATASET | {"classes": ["a", name]}), (Labelled, {"label": name})):
        try:
            model.model_validate(content)
        except ValidationError:
            continue
        assert name.isprintable() and name == name.strip() and name[0] not in "=+-@" and "$" not in name
        if model is DatasetSettings:
            assert Path("folder", name).resolve().parent == Path("folder").resolve()
            assert len(os.fsencode(f"{name}_imagenet_train.txt")) < 256 + 240


@pytest.mark.parametrize("name", ["crâne", "n01440764", "coffee_maker", "traffic light", "日本"])
def test_classes_may_hold_any_letters(name: str) -> None:
    assert DatasetSettings.model_validate(DATASET | {"classes": ["a", name]}).classes[1] == name


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"classes": []}, "at least 1 item"),
        ({"classes": [True, 7]}, r"`classes.0`: True is not text. Put it in quotes; `classes.1`: 7 is not text"),
        ({"classes": ["Car", "car"]}, "differ in case"),
        ({"classes": ["cr\u00e2ne", "cra\u0302ne"]}, "differ in case or accents"),
        ({"image_size": [10**9, 8]}, "less than or equal to 8192"),
        ({"test_sets": DATASET["test_sets"] | {"train": {"layout": "folder"}}}, "the name of the training images"),
    ],
)
def test_what_is_wrong_with_a_dataset_is_said(changes: dict, cause: str) -> None:
    with pytest.raises(InputError, match=cause):
        validate(DatasetSettings, DATASET | changes, "d.yaml")


def test_a_command_in_a_suite_is_refused_before_anything_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "config/datasets/own.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(yaml.safe_dump(DATASET | {"suites": {"clean": ["clean"], "x$(touch f)": ["clean"]}}))
    done = CliRunner().invoke(app, ["data", "check", "own"])
    assert done.exit_code != 0 and "is not a valid name" in str(done.exception or done.output)
    assert not (tmp_path / "f").exists()


@pytest.mark.parametrize("name", HOSTILE)
def test_no_file_of_the_configuration_has_a_name_that_could_do_harm(name: str) -> None:
    for kind in ("experiments", "datasets", "protocols", "methods", "recipes"):
        with pytest.raises(InputError, match="is not a valid file name") as error:
            named_file(Path("config"), kind, name)
        assert len(str(error.value)) < 500


@pytest.mark.parametrize("url", ["javascript:alert(1)", "https://a) [x](javascript:alert(1)", "https://a <b>", "a", ""])
def test_a_paper_s_link_leads_to_a_page_of_the_web(url: str) -> None:
    claim = {"name": "n", "statement": "s", "where": "w", "published": "p"}
    with pytest.raises(InputError, match="`url`"):
        validate(ClaimsSettings, {"source": "s", "url": url, "claims": [claim]}, "c.yaml")


def bomb(levels: int) -> str:
    """Each line stands for ten times what the one before it does."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 10)}]" for k in range(1, levels)]
    return "\n".join(lines)


def merging_bomb(levels: int) -> str:
    """The same by merged keys."""
    lines = ["a0: &a0 {k: x}"]
    lines += [f"a{k}: &a{k} {{<<: [{', '.join([f'*a{k - 1}'] * 10)}]}}" for k in range(1, levels)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (bomb(9), "holds more than 200,000 values once its aliases are expanded"),
        (merging_bomb(9), "holds more than 200,000 values"),
        ("a: " + "[" * 5000 + "]" * 5000, "nested more than 32 deep"),
        ("\n".join("  " * k + "a:" for k in range(200)), "nested more than 32 deep"),
        ("\n".join(["a0: &a0 [x]", *(f"a{k}: &a{k} [*a{k - 1}]" for k in range(1, 100))]), "nested more than 32 deep"),
        ("a: &a [*a]", "an alias inside the value that it stands for"),
        ("a: 2001-99-99", "holds a value that cannot be read"),
        ("a: \0", "zero byte"),
        ("extends: ../../../etc/passwd", "is not a valid name"),
        ("extends: [a]", "is not a valid name"),
        (f"extends: {'a' * 300}", "is not a valid name"),
    ],
)
def test_yaml_that_would_never_end_or_lead_out_is_refused(tmp_path: Path, text: str, cause: str) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=cause):
        read_yaml(path)


def test_a_pipe_or_a_large_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    with pytest.raises(InputError):
        read_yaml(tmp_path / "pipe.yaml")
    monkeypatch.setattr(limits, "TEXT_BYTES", 10)
    (tmp_path / "long.yaml").write_text("a: aaaaaaaaaaaaa")
    with pytest.raises(InputError, match="at most 10 are read"):
        read_yaml(tmp_path / "long.yaml")
