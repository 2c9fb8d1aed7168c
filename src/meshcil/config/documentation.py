"""Generated from the models: JSON schemas (workflow/schemas) and the tables of config/README.md."""

import json
import pkgutil
import typing
from pathlib import Path

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

import meshcil.config.aligners
import meshcil.config.methods
import meshcil.config.studies
from meshcil.config.aligners.base import AlignerSettings, aligner_settings
from meshcil.config.claims import ClaimsSettings
from meshcil.config.dataset import DatasetSettings
from meshcil.config.experiment import ExperimentSettings
from meshcil.config.methods.base import MethodSettings
from meshcil.config.protocol import ProtocolSettings
from meshcil.config.run import RunConfig, method_settings
from meshcil.config.studies.base import StudySettings, study_settings


def method_kinds() -> list[str]:
    """Method kinds that have a settings class."""
    names = [m.name for m in pkgutil.iter_modules(meshcil.config.methods.__path__)]
    return sorted(n.replace("_", "-") for n in names if n != "base")


def aligner_kinds() -> list[str]:
    """Aligner kinds that have a settings class."""
    return sorted(m.name for m in pkgutil.iter_modules(meshcil.config.aligners.__path__) if m.name != "base")


def study_kinds() -> list[str]:
    """Study kinds that have a settings class."""
    names = [m.name for m in pkgutil.iter_modules(meshcil.config.studies.__path__)]
    return sorted(n.replace("_", "-") for n in names if n != "base")


def documented_models() -> dict[str, type[BaseModel]]:
    """Models by the kind of file they describe."""
    models: dict[str, type[BaseModel]] = {
        "experiment": ExperimentSettings,
        "claims": ClaimsSettings,
        "dataset": DatasetSettings,
        "protocol": ProtocolSettings,
        "run": RunConfig,
    }
    models |= {f"study-{kind}": study_settings(kind) for kind in study_kinds()}
    models |= {f"aligner-{kind}": aligner_settings(kind) for kind in aligner_kinds()}
    return models | {f"method-{kind}": method_settings(kind) for kind in method_kinds()}


def schemas() -> dict[str, str]:
    """File name -> JSON schema text."""
    return {
        f"{name}.schema.json": json.dumps(model.model_json_schema(), indent=1, sort_keys=True) + "\n"
        for name, model in documented_models().items()
    }


def parameter_tables() -> str:
    """Markdown tables of every parameter: name, type, default, meaning."""
    parts: list[str] = []
    shared = set(MethodSettings.model_fields)
    for title, model in (
        ("Experiments (`experiments/*.yaml`)", ExperimentSettings),
        ("Claims of the papers (`claims/*.yaml`)", ClaimsSettings),
        ("Datasets (`datasets/*.yaml`)", DatasetSettings),
        ("Protocols (`protocols/*.yaml`)", ProtocolSettings),
        ("Methods (`methods/*.yaml`), all kinds", MethodSettings),
    ):
        parts += [f"## {title}", "", *_table(model, "", set()), ""]
    for kind in method_kinds():
        rows = _table(method_settings(kind), "", shared)
        parts += [f"## Methods of kind `{kind}`", "", *rows, ""]
    parts += ["## Aligners (`aligners/*.yaml`), all kinds", "", *_table(AlignerSettings, "", set()), ""]
    for kind in aligner_kinds():
        rows = _table(aligner_settings(kind), "", set(AlignerSettings.model_fields))
        parts += [f"## Aligners of kind `{kind}`", "", *rows, ""] if len(rows) > 2 else []
    parts += ["## Studies (`studies/*.yaml`), all kinds", "", *_table(StudySettings, "", set()), ""]
    for kind in study_kinds():
        rows = _table(study_settings(kind), "", set(StudySettings.model_fields))
        parts += [f"## Studies of kind `{kind}`", "", *rows, ""]
    return "\n".join(parts)


def _table(model: type[BaseModel], prefix: str, skip: set[str]) -> list[str]:
    rows = _rows(model, prefix, skip)
    return ["| name | type | default | meaning |", "|---|---|---|---|", *rows]


def _rows(model: type[BaseModel], prefix: str, skip: set[str]) -> list[str]:
    rows: list[str] = []
    for name, field in model.model_fields.items():
        if name in skip:
            continue
        block = _block(field.annotation)
        meaning = (field.description or "").replace("\n", " ").replace("|", "\\|")
        default = "required" if field.is_required() else _default(field.get_default(call_default_factory=True))
        rows.append(f"| `{prefix}{name}` | {_type_name(field.annotation)} | {default} | {meaning} |")
        if block is not None:
            rows += _rows(block, f"{prefix}{name}.", set())
    return rows


def _block(annotation: object) -> type[BaseModel] | None:
    candidates = [annotation, *typing.get_args(annotation)]
    return next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), None)


def _type_name(annotation: object) -> str:
    if isinstance(annotation, type) and not typing.get_args(annotation):
        return "block" if issubclass(annotation, BaseModel) else annotation.__name__
    if typing.get_origin(annotation) is typing.Literal:
        return " \\| ".join(f"`{value}`" for value in typing.get_args(annotation))
    text = str(annotation).replace("typing.", "").replace("|", "\\|")
    for part in typing.get_args(annotation):
        if isinstance(part, type) and issubclass(part, BaseModel):
            text = text.replace(f"{part.__module__}.{part.__qualname__}", "block")
    return text


def _default(value: object) -> str:
    if value is PydanticUndefined:
        return "required"
    if isinstance(value, BaseModel):
        return "see below"
    return "none" if value is None else f"`{json.dumps(value, default=str)}`"


BEGIN, END = "<!-- generated tables: begin -->", "<!-- generated tables: end -->"


def write_documentation(repository: Path) -> None:
    """Write the schemas and the tables of config/README.md into ``repository``."""
    folder = repository / "workflow" / "schemas"
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.schema.json"):
        old.unlink()
    for name, text in schemas().items():
        (folder / name).write_text(text, encoding="utf-8")
    readme = repository / "config" / "README.md"
    readme.write_text(with_tables(readme.read_text(encoding="utf-8")), encoding="utf-8")


def with_tables(text: str) -> str:
    """The README text with its generated part replaced by the present tables."""
    head, rest = text.split(BEGIN)
    tail = rest.split(END)[1]
    return f"{head}{BEGIN}\n\n{parameter_tables()}\n{END}{tail}"


if __name__ == "__main__":
    write_documentation(Path(__file__).resolve().parents[3])
