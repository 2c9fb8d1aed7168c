"""What config/README.md says of settings, in words and under headings that messages lead to."""

import re
from typing import Any, Literal

import pytest

from meshcil.config.base import Name, Settings
from meshcil.config.documentation import parameter_tables, type_words
from meshcil.config.experiment import options_class
from meshcil.core.naming import available, load_module

KINDS = [
    (folder, noun, kind)
    for folder, noun in (("tables", "table"), ("figures", "figure"), ("pictures", "figure"))
    for kind in available(f"meshcil.reporting.{folder}")
]


@pytest.fixture(scope="module")
def text() -> str:
    return parameter_tables()


class Block(Settings):
    key: int


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (str, "str"),
        (Name, "name"),
        (tuple[Name, ...], "list of names"),
        (tuple[Block, ...], "list of blocks"),
        (tuple[int, int], "pair of int"),
        (Block | None, r"block \| `null`"),
        (Literal["a", "b"] | None, r"`a` \| `b` \| `null`"),
        (tuple[Literal["a", "b"], ...], "list of `a` or `b`"),
        (dict[str, tuple[str | int, ...]], "map of str to list of str or int"),
        (dict[str, Any], "map of str to anything"),
    ],
)
def test_types_are_said_in_words(annotation: object, words: str) -> None:
    assert type_words(annotation) == words


def test_no_type_is_printed_as_python_writes_it(text: str) -> None:
    types = [line.split(" | ")[1] for line in text.splitlines() if line.startswith("| `")]
    assert len(types) > 100
    odd = [words for words in types if re.search(r"[\[\]=]|\b(?:Any|None|NoneType|meshcil)\b", words)]
    assert not odd


@pytest.mark.parametrize(("folder", "noun", "kind"), KINDS)
def test_each_kind_has_its_options_under_the_name_that_messages_use(
    text: str, folder: str, noun: str, kind: str
) -> None:
    [section] = re.findall(rf"^### Options of an? `{kind}` {noun}\n\n(.*?)(?=\n##|\Z)", text, re.M | re.S)
    module = load_module(f"meshcil.reporting.{folder}", kind)
    assert section.startswith(module.__doc__.split("\n")[0])
    assert re.findall(r"^\| `(\w+)` \|", section, re.M) == list(options_class(folder, kind).model_fields)


def test_headings_are_unique(text: str) -> None:
    headings = re.findall(r"^#+ .*$", text, re.M)
    assert len(set(headings)) == len(headings) > len(KINDS)
