"""Reading YAML: keys that are written twice, names, seeds, and what a message says of them."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import Field, ValidationError

from meshcil.config.base import Name, Seed, Settings, load_by_kind, named_file, read_yaml, validate
from meshcil.config.experiment import Artifact, RunBlock, StudyBlock
from meshcil.config.run import ProtocolSettings, RunKey, load_protocol, method_settings
from meshcil.core.errors import InputError


class Block(Settings):
    """Some settings."""

    names: tuple[Name, ...] = Field(min_length=1)
    """Names."""
    seed: Seed = 0
    """A seed."""


def write(folder: Path, text: str, name: str = "a.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "key", "lines"),
    [
        ("runs: [1]\ntitle: t\nruns: [2]\n", "runs", (1, 3)),
        ("title: t\nruns:\n  - seed: 1\n    name: a\n    seed: 2\n", "seed", (3, 5)),
        ('"a": 1\na: 2\n', "a", (1, 2)),
        ("a: {b: 1, b: 2}\n", "b", (1, 1)),
    ],
)
def test_a_key_that_is_written_twice_is_refused_with_its_lines(
    tmp_path: Path, text: str, key: str, lines: tuple[int, int]
) -> None:
    path = write(tmp_path, text)
    with pytest.raises(InputError) as refused:
        read_yaml(path)
    assert refused.value.where == str(path)
    assert refused.value.cause == f"has the key `{key}` in line {lines[0]} and again in line {lines[1]}"


def test_a_merged_key_may_be_overridden_before_and_after_it_is_merged_on(tmp_path: Path) -> None:
    text = """\
first: &first {a: 1, b: 2}
second: &second
  <<: *first
  a: 3
third: {inner: {deep: &deep {<<: *second, b: 4}}}
fourth:
  <<: [*deep, *first]
  b: 5
"""
    found = read_yaml(write(tmp_path, text))
    assert found["second"] == {"a": 3, "b": 2} and found["third"]["inner"]["deep"] == {"a": 3, "b": 4}
    assert found["fourth"] == {"a": 3, "b": 5} and found == yaml.safe_load(text)


def test_a_file_may_repeat_the_keys_of_the_file_that_it_extends(tmp_path: Path) -> None:
    write(tmp_path, "a: 1\nb: {c: 1, d: 2}\n")
    assert read_yaml(write(tmp_path, "extends: a\nb: {c: 3}\n", "b.yaml")) == {"a": 1, "b": {"c": 3, "d": 2}}


def test_a_missing_file_is_told_the_nearest_name_first(tmp_path: Path) -> None:
    for name in ("laptop", "laptop-seeds", "smoke"):
        write(tmp_path, "a: 1\n", f"{name}.yaml")
    with pytest.raises(InputError) as refused:
        read_yaml(tmp_path / "laptob.yaml")
    assert (
        refused.value.remedy
        == f"Did you mean `laptop`? Known in {tmp_path.name}: laptop, laptop-seeds, smoke; `meshcil list` shows all"
    )


def test_of_a_wrong_name_one_thing_is_said() -> None:
    with pytest.raises(InputError) as refused:
        validate(Block, {"names": ["inemo_smok"]}, "e.yaml")
    assert refused.value.cause == (
        "`names.0`: `inemo_smok` is not a valid name. "
        "Names are of lower-case letters, digits, and `-` between them, not `_`: 100 characters at most"
    )
    with pytest.raises(InputError, match="at least 1 item"):
        validate(Block, {"names": []}, "e.yaml")


def test_a_message_of_ours_is_not_called_a_value_error() -> None:
    table = {"name": "t", "kind": "k", "caption": "c", "select": {"methud": ["x"]}}
    with pytest.raises(InputError, match=r"^e.yaml: `file`: select has the unknown columns methud"):
        validate(Artifact, table, "e.yaml")


BLOCK: dict[str, Any] = {"datasets": ["d"], "protocols": ["p"], "methods": ["m"], "budgets": ["none"]}


@pytest.mark.parametrize("seed", [-1, 2**32, 99999999999999999999])
def test_seeds_that_no_generator_takes_are_refused(seed: int) -> None:
    for model, content in (
        (RunBlock, BLOCK | {"seeds": [seed]}),
        (StudyBlock, {"names": ["s"], "seeds": [seed]}),
        (ProtocolSettings, {"description": "d", "base": 0, "increment": 1, "order_seed": seed}),
        (RunKey, {"dataset": "d", "protocol": "p", "method": "m", "budget": "none", "seed": seed}),
    ):
        with pytest.raises(ValidationError, match="seed"):
            model.model_validate(content)
    assert RunBlock.model_validate(BLOCK | {"seeds": [0, 2**32 - 1]}).seeds == (0, 2**32 - 1)


def test_the_file_with_an_unknown_kind_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, "kind: inemoo\n")
    with pytest.raises(InputError) as refused:
        load_by_kind(method_settings, path, "icarl")
    assert (refused.value.where, refused.value.cause) == (str(path), "kind `inemoo` is unknown")
    assert refused.value.remedy.startswith("Did you mean `inemo`? Known: ")


@pytest.mark.parametrize("name", ["", "../protocols/2-2", "a/b", "2_2", "A", " a", "a-", "a\n"])
def test_a_name_that_is_none_leads_nowhere(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"is not a valid file name in .*protocols"):
        named_file(tmp_path, "protocols", name)
    with pytest.raises(InputError, match="is not a valid file name"):
        load_protocol(name, tmp_path)
