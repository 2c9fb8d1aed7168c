"""What a model sees of an image, and what the demo hides of it."""

import asyncio
import io
import json
import socket
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from meshcil.cli import stored_model
from meshcil.cli.application import app
from meshcil.cli.demo import OwnPage, dropped_window, hide, serve
from meshcil.cli.open_set import fit_open_set
from meshcil.cli.predict import predict_files
from meshcil.cli.stored_model import Answer, StoredModel, find_run, fit_window, load_model, read_window
from meshcil.core import limits
from meshcil.core.artifacts import write_text_atomic
from meshcil.core.errors import InputError
from meshcil.methods.base.method import Prediction
from meshcil.methods.inemo import Learner
from meshcil.stages.command import run as run_command
from meshcil.stages.select import select
from meshcil.stages.train import train
from tests.records import write_record
from tests.stages.conftest import CLASSES, PER_CLASS, write_training_images
from tests.stages.test_chain import resolved


def test_a_window_is_the_middle_of_the_image() -> None:
    image = Image.new("RGB", (300, 100), "red")
    image.paste("blue", (100, 0, 200, 100))
    window = fit_window(image, (50, 50))
    assert window.shape == (50, 50, 3)
    assert (window[:, 1:-1] == (0, 0, 255)).all()  # a resampled pixel reaches one over the edge


def test_an_image_is_turned_upright(tmp_path: Path) -> None:
    image = Image.new("RGB", (40, 40), "red")
    image.paste("blue", (0, 0, 40, 20))
    exif = image.getexif()
    exif[0x0112] = 3  # upside down
    image.save(tmp_path / "turned.png", exif=exif)
    assert read_window(tmp_path / "turned.png", (40, 40))[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_the_share_that_is_asked_for_is_hidden(share: float) -> None:
    window = np.full((64, 48, 3), 255, dtype=np.uint8)
    picture = hide(window, share, seed=1)
    changed = (picture != window).any(axis=2)[8:-8, 6:-6].mean()
    assert (window == 255).all() and (changed == 0 if share == 0 else changed == pytest.approx(share, abs=0.08))
    assert (hide(window, share, seed=1) == picture).all()


def test_a_share_that_can_never_be_reached_is_refused() -> None:
    with pytest.raises(ValueError, match="share"):
        hide(np.zeros((8, 8, 3), dtype=np.uint8), 1.0)


@pytest.mark.parametrize(
    ("host", "origin", "answered"),
    [
        ("127.0.0.1:8501", None, True),
        ("localhost:8501", "http://localhost:8501", True),
        ("127.0.0.1:8501", "http://127.0.0.1:9999", False),
        ("127.0.0.1:8501", "https://127.0.0.1:8501", False),
        ("127.0.0.1:8501", "null", False),
        ("stranger.example:8501", "http://stranger.example:8501", False),
        ("127.0.0.1", None, False),
    ],
)
@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_the_page_answers_itself_alone(kind: str, host: str, origin: str | None, answered: bool) -> None:
    sent: list[dict] = []

    async def answer(scope: dict, receive: object, send: object) -> None:
        sent.append({"status": 200})

    async def keep(message: dict) -> None:
        sent.append(message)

    headers = [(b"host", host.encode())] + ([(b"origin", origin.encode())] if origin else [])
    scope = {"type": kind, "headers": headers, "extensions": {"websocket.http.response": {}}}
    asyncio.run(OwnPage(answer, 8501)(scope, None, keep))
    assert sent[0]["status"] == (200 if answered else 403)


def test_a_port_that_cannot_be_used_is_named() -> None:
    with pytest.raises(InputError, match="port 80: cannot be used"):
        serve(None, 80)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(InputError, match="is taken by another program"):
            serve(None, other.getsockname()[1])


def test_a_dropped_image_may_not_be_enormous(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.BytesIO()
    Image.new("RGB", (30, 20), "red").save(stream, "PNG")
    assert dropped_window(stream.getvalue(), (8, 8), "a.png")[0, 0].tolist() == [255, 0, 0]
    monkeypatch.setattr(limits, "DROPPED_PIXELS", 599)
    with pytest.raises(InputError, match=r"a.png: has more than 599 pixels"):
        dropped_window(stream.getvalue(), (8, 8), "a.png")


def finish(path: str, kind: str, classes: int, ended: str, exemplars: int = 1) -> Path:
    """A finished run of one step, as far as the choice of a model looks."""
    run = resolved(kind)
    steps = (tuple(f"c{i}" for i in range(classes)),)
    folder = Path("results/runs") / path
    write_text_atomic(folder / "run.json", run.model_copy(update={"steps": steps}).model_dump_json())
    write_text_atomic(folder / "scores.csv", "")
    at = f"{ended}T12:00:00.000+00:00"
    write_record(folder / "score.record.json", "score", started=at, ended=at)
    write_text_atomic(folder / "step0/exemplars.json", json.dumps({"classes": [["c0", ["a"] * exemplars]]}))
    return folder


def test_a_short_trial_does_not_take_the_place_of_a_full_experiment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    old = finish("full/p/inemo/total-24/seed0", "inemo", 12, "2026-01-01", exemplars=4)
    finish("tiny/p/inemo/total-16/seed0", "inemo", 4, "2026-02-01")
    finish("full/p/icarl/total-24/seed0", "icarl", 12, "2026-02-02")
    assert find_run() == old
    new = finish("other/p/inemo/total-24/seed0", "inemo", 12, "2026-01-02", exemplars=2)
    assert find_run() == new
    large = finish("other/p/inemo/total-96/seed0", "inemo", 12, "2026-01-01", exemplars=9)
    assert find_run() == large


def test_the_model_is_shown_with_the_classes_that_it_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    run = resolved("inemo")
    stored = StoredModel(Path("results/runs/a"), run, Path(), object.__new__(Learner))
    listed = f"knows {len(run.classes)} classes: {', '.join(run.classes)}"
    assert stored.title == f"{run.method.label}, results/runs/a; {listed}"
    window = np.zeros((4, 4, 3), dtype=np.uint8)
    answer = Answer(window, "car", {"car": 1.0, "bus": 0.5}, (0.0, 0.0, 0.0), 5.0, 4.0, np.ones((3, 2)), None, None)
    Path("photo.jpeg").touch()
    monkeypatch.setattr(stored_model, "load_model", lambda model: stored)
    monkeypatch.setattr(stored_model, "read_window", lambda path, size: window)
    monkeypatch.setattr(StoredModel, "ask", lambda self, windows: [answer])
    with pytest.raises(SystemExit) as stop:
        run_command(app, ["predict", "photo.jpeg"])
    assert not stop.value.code
    said = capsys.readouterr().out
    assert listed in said and "drawing: reports/predictions/photo-overlay.png" in said
    assert [path.as_posix() for path in Path().rglob("*.png")] == ["reports/predictions/photo-overlay.png"]


def test_a_wrong_path_is_named_before_a_model_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(stored_model, "load_model", lambda model: pytest.fail("the model was loaded"))
    with pytest.raises(InputError, match=r"photo\.png: does not exist"):
        predict_files([Path("photo.png")], None, Path("out"), machine=False)


def test_git_leaves_the_drawings_alone() -> None:
    root = Path(__file__).resolve().parents[2]
    patterns = (root / ".gitignore").read_text().splitlines()
    assert "/reports/*" in patterns and not any(line.startswith("!/reports/predictions") for line in patterns)


def test_the_first_step_of_a_run_is_in_the_state_that_all_budgets_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = resolved("icarl")
    data = write_training_images(Path("data/prepared") / run.key.dataset, dict.fromkeys(CLASSES, PER_CLASS))
    first, own = (Path("results/runs") / key.path for key in (run.key.trained_as(0), run.key))
    for folder, key in ((first, run.key.trained_as(0)), (own, run.key)):
        write_text_atomic(folder / "run.json", run.model_copy(update={"key": key}).model_dump_json())
    state = Path("results/runs") / run.key.trained_in(0) / "state.safetensors"
    train(first / "run.json", data, 0, state, state.with_name("epochs.csv"))
    select(own / "run.json", data, 0, state, own / "step0/exemplars.json", own / "step0/ledger.csv")
    with pytest.raises(InputError, match="is the first step that several runs share"):
        load_model(first)
    with pytest.raises(InputError, match=r"step1/state.safetensors: is missing: the run is not finished"):
        load_model(own)
    known = load_model(own / "step0")
    assert known.run.classes == run.steps[0] and known.open_set is None, "eight images are too few to tell"
    monkeypatch.chdir(own)
    assert load_model(Path("step0").resolve(), tmp_path / "data/prepared").run == known.run


def answers(scores: list[float], fits: list[float] | None = None) -> list[Prediction]:
    """Of a method that is this sure of images, in batches of ten."""
    found = []
    for start in range(0, len(scores), 10):
        top = torch.tensor(scores[start : start + 10])
        fit = None if fits is None else torch.tensor(fits[start : start + 10])
        found.append(Prediction(torch.stack([top - 1, top], 1), torch.ones(len(top), dtype=torch.int64), None, fit=fit))
    return found


def test_an_image_below_the_limit_of_any_measure_is_unlike_anything_learned() -> None:
    values = [float(i) for i in range(100)]
    plain = fit_open_set(answers(values))
    assert plain is not None and sum(plain.unlike({"score": value}) for value in values) == 5
    both = fit_open_set(answers(values, values[::-1]))
    assert both is not None and both.limits == {"score": 2.0, "fit": 2.0}, "the share is divided among them"
    assert both.unlike({"score": 50.0, "fit": 1.0}) and not both.unlike({"score": 50.0, "fit": 50.0})
    assert fit_open_set(answers(values[:19])) is None and fit_open_set([]) is None, "too few to state a share"
