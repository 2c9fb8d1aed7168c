"""The tables of config/README.md, generated from the settings classes."""

import inspect
import json
import types
import typing
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, StringConstraints
from pydantic_core import PydanticUndefined

from meshcil.config.aligners.base import AlignerSettings, aligner_settings
from meshcil.config.base import NAME
from meshcil.config.claims import ClaimsSettings
from meshcil.config.dataset import DatasetSettings
from meshcil.config.experiment import ExperimentSettings, options_class
from meshcil.config.methods.base import MethodSettings
from meshcil.config.run import ProtocolSettings, method_settings
from meshcil.config.studies.base import StudySettings, study_settings
from meshcil.core.naming import available, load_module, load_object

WORDS = """\
In the column of types, a *name* is made of lower-case letters, digits and `-`; a *block* has keys of its own, which
follow below it with its name before theirs (those of each element, for a list of blocks); `null` stands for nothing.
"""


def parameter_tables() -> str:
    """Markdown tables of every parameter: name, type, default, meaning."""
    parts = [WORDS]
    shared = set(MethodSettings.model_fields)
    for title, model in (
        ("Experiments (`experiments/*.yaml`)", ExperimentSettings),
        ("Claims of the papers (`claims/*.yaml`)", ClaimsSettings),
        ("Published values (`published/*.yaml`)", load_object("meshcil.reporting", "published", "PublishedSettings")),
        ("Datasets (`datasets/*.yaml`)", DatasetSettings),
        ("Protocols (`protocols/*.yaml`)", ProtocolSettings),
        ("Methods (`methods/*.yaml`), all kinds", MethodSettings),
    ):
        parts += [f"## {title}", "", *_table(model, set()), ""]
    for kind in available("meshcil.methods"):
        parts += [f"## Methods of kind `{kind}`", "", *_table(method_settings(kind), shared), ""]
    parts += ["## Aligners (`aligners/*.yaml`), all kinds", "", *_table(AlignerSettings, set()), ""]
    for kind in available("meshcil.config.aligners"):
        own = _table(aligner_settings(kind), set(AlignerSettings.model_fields))
        parts += [f"## Aligners of kind `{kind}`", "", *own, ""]
    parts += ["## Studies (`studies/*.yaml`), all kinds", "", *_table(StudySettings, set()), ""]
    for kind in available("meshcil.config.studies"):
        own = _table(study_settings(kind), set(StudySettings.model_fields))
        parts += [f"## Studies of kind `{kind}`", "", *own, ""]
    return "\n".join([*parts, *option_tables()])


def option_tables() -> Iterator[str]:
    """Lines of the sections on each kind of table and figure: what it shows, and its `options`."""
    for title, folder, noun in (
        ("Tables of an experiment (`tables`)", "tables", "table"),
        ("Figures of an experiment (`figures`)", "figures", "figure"),
        ("Figures of test images (`figures` with a `run`)", "pictures", "figure"),
    ):
        yield from (f"## {title}", "")
        for kind in available(f"meshcil.reporting.{folder}"):
            module = load_module(f"meshcil.reporting.{folder}", kind)
            article = "an" if kind[0] in "aeiou" else "a"
            shows = inspect.cleandoc(module.__doc__ or "").split("\n\n")[0].replace("\n", " ")
            options = _table(options_class(folder, kind), set(), "No options.")
            yield from (f"### Options of {article} `{kind}` {noun}", "", shows, "", *options, "")


def _table(model: type[BaseModel], skip: set[str], empty: str = "None of its own.") -> list[str]:
    rows = _rows(model, "", skip)
    return ["| name | type | default | meaning |", "|---|---|---|---|", *rows] if rows else [empty]


def _rows(model: type[BaseModel], prefix: str, skip: set[str]) -> list[str]:
    rows: list[str] = []
    for name, field in model.model_fields.items():
        if name in skip:
            continue
        block = _block(field.annotation)
        meaning = (field.description or "").replace("\n", " ").replace("|", "\\|")
        default = "required" if field.is_required() else _default(field.get_default(call_default_factory=True))
        words = type_words(typing.Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation)
        rows.append(f"| `{prefix}{name}` | {words} | {default} | {meaning} |")
        if block is not None:
            rows += _rows(block, f"{prefix}{name}.", set())
    return rows


def _block(annotation: object) -> type[BaseModel] | None:
    candidates = [annotation, *typing.get_args(annotation)]
    return next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), None)


def type_words(annotation: object, either: str = " \\| ") -> str:
    """A type as a reader of YAML would say it: `list of names`, `float \\| null`, ``either`` between alternatives."""
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    inner = [_plural(type_words(part, " or ")) for part in parts if part is not Ellipsis] if origin is tuple else []
    if origin is typing.Literal:
        return either.join(f"`{value}`" for value in parts)
    if origin in (typing.Union, types.UnionType):
        return either.join(type_words(part, either) for part in parts)
    if origin is typing.Annotated:
        named = any(isinstance(part, StringConstraints) and part.pattern == NAME for part in parts)
        return "name" if named else type_words(parts[0], either)
    if origin is tuple:
        return f"{'list' if Ellipsis in parts else 'pair'} of {inner[0]}"
    if origin is dict:
        return f"map of {type_words(parts[0])} to {type_words(parts[1], ' or ')}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "block"
    words = {type(None): "`null`", typing.Any: "anything"}
    return words.get(annotation) or getattr(annotation, "__name__", str(annotation))


def _plural(word: str) -> str:
    return f"{word}s" if word in ("name", "block") else word


def _default(value: object) -> str:
    if value is PydanticUndefined:
        return "required"
    return "see below" if isinstance(value, BaseModel) else f"`{json.dumps(value, default=str)}`"


BEGIN, END = "<!-- generated tables: begin -->", "<!-- generated tables: end -->"


def write_documentation(repository: Path) -> None:
    """Write the tables into the config/README.md of ``repository``."""
    readme = repository / "config" / "README.md"
    readme.write_text(with_tables(readme.read_text(encoding="utf-8")), encoding="utf-8")


def with_tables(text: str) -> str:
    """The README text with its generated part replaced by the present tables."""
    head, rest = text.split(BEGIN)
    tail = rest.split(END)[1]
    return f"{head}{BEGIN}\n\n{parameter_tables()}\n{END}{tail}"


if __name__ == "__main__":
    write_documentation(Path(__file__).resolve().parents[3])
