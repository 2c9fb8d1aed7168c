"""Names of tables and figures over all experiments."""

from pathlib import Path

import pytest
import yaml

from meshcil.config.experiment import check_artifact_names, experiment_names
from meshcil.core.errors import InputError

CONFIG = Path(__file__).resolve().parents[2] / "config"


def write(config: Path, name: str, *tables: str, figures: tuple[str, ...] = ()) -> None:
    shown = {
        kind: [{"name": n, "kind": "summary", "caption": "c"} for n in names]
        for kind, names in (("tables", tables), ("figures", figures))
    }
    content = {"title": "t", "description": "d", "cost": "c", "studies": [{"names": ["s"]}], **shown}
    path = config / "experiments" / f"{name}.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(yaml.safe_dump(content))


def test_a_name_that_another_experiment_has_is_refused_though_nobody_asked_for_that(tmp_path: Path) -> None:
    write(tmp_path, "laptop", "summary", figures=("steps",))
    write(tmp_path, "own", "own-summary", "steps", figures=("summary",))
    (tmp_path / "experiments/broken.yaml").write_text("title: [unfinished")
    check_artifact_names(["own"], tmp_path)
    write(tmp_path, "own", "own-summary", "summary")
    with pytest.raises(InputError) as refused:
        check_artifact_names(["own"], tmp_path)
    assert refused.value.where == str(tmp_path / "experiments/own.yaml")
    assert refused.value.cause == "tables `summary` is also in laptop, whose files it would overwrite"
    write(tmp_path, "own", figures=("steps",))
    with pytest.raises(InputError, match="figures `steps` is also in laptop"):
        check_artifact_names(["own"], tmp_path)


def test_no_two_experiments_here_have_a_table_or_figure_of_one_name() -> None:
    check_artifact_names(experiment_names(CONFIG), CONFIG)
