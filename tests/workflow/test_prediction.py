"""`meshcil predict` and `meshcil demo` with the model that the smoke experiment trained."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import numpy as np
import pytest
from PIL import Image

from meshcil.cli.predict import predict_files
from meshcil.cli.registered_model import _load_pyfunc
from meshcil.cli.stored_model import load_model, read_window
from meshcil.core.errors import InputError
from tests.browser import visit

pytestmark = [pytest.mark.workflow, pytest.mark.timeout(600)]

RUNS = Path("results/runs/primitives3d-tiny/2-2")
IMAGES = Path("data/raw/primitives3d-tiny/pascal3d/Images")


def image(folder: Path) -> Path:
    return min((folder / IMAGES).rglob("*.JPEG"))


def test_images_get_class_pose_and_drawing(
    smoke: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(smoke)
    predict_files([image(smoke)], None, tmp_path, machine=True)
    (answer,) = json.loads(capsys.readouterr().out)
    ranked = list(answer["scores"].values())
    assert answer["class"] == next(iter(answer["scores"])) and ranked == sorted(ranked, reverse=True)
    assert set(answer["pose"]) == {"azimuth", "elevation", "theta"} and 0 <= answer["pose"]["azimuth"] < 360
    with Image.open(tmp_path / f"{image(smoke).stem}-overlay.png") as drawing:
        window = load_model(None).image_size
        assert drawing.size == (4 * window[1], 4 * window[0])
    predict_files([image(smoke)], None, tmp_path, machine=False)
    assert f"{answer['class']} (score" in capsys.readouterr().out


def test_the_code_of_the_readme_asks_the_model(
    smoke: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    code = readme.split("```python\n")[1].split("```")[0].replace("photo.jpg", image(smoke).as_posix())
    monkeypatch.chdir(smoke)
    exec(code, {})
    assert re.match(r"\w+ \((-?\d+\.\d+(, )?){3}\) (True|False|None)$", capsys.readouterr().out)


def test_answers_are_those_of_the_predict_stage(smoke: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pandas as pd

    from meshcil.datasets.prepared import load_split

    monkeypatch.chdir(smoke)
    model = load_model(None)
    stored = pd.read_parquet(model.folder / "step1/predictions-robustness.parquet")
    stored = stored[stored["test_set"] == "clean"].set_index("sample_id")
    split = load_split(model.data / "clean.parquet")
    picks = [split.ids.index(name) for name in stored.index[:3]]
    for name, answer in zip(
        stored.index, model.ask([split.images()[i].permute(1, 2, 0).numpy() for i in picks]), strict=False
    ):
        assert answer.class_name == stored.loc[name, "predicted_class"]
        assert answer.pose[0] == pytest.approx(stored.loc[name, "azimuth"], abs=1e-3)


@pytest.mark.filterwarnings("ignore")
def test_the_registered_model_answers_as_predict_does(smoke: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import mlflow
    import pandas as pd

    monkeypatch.chdir(smoke)
    # By the environment, which ends with the test: `set_tracking_uri` would send the runs of later tests there.
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{smoke}/mlflow.db")
    name = "primitives3d-tiny.2-2.inemo-smoke.total-16.seed0"
    model = mlflow.pyfunc.load_model(f"models:/{name}/1")
    found = model.predict(pd.DataFrame({"image": [image(smoke).read_bytes()]})).iloc[0]
    stored = load_model(RUNS / "inemo-smoke/total-16/seed0")
    (answer,) = stored.ask([read_window(image(smoke), stored.image_size)])
    assert found["class"] == answer.class_name and found["score"] == answer.scores[answer.class_name]
    angles = found[["azimuth", "elevation", "theta"]].astype(float)
    assert np.radians(angles).tolist() == pytest.approx(answer.pose)
    weights = [path for path in (smoke / "mlruns").rglob("*") if path.is_file() and path.stat().st_size > 10_000]
    assert weights == []


def test_a_registered_model_refuses_files_that_were_altered(
    smoke: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(smoke)
    pointer = json.loads(next((smoke / "mlruns").rglob("model.json")).read_text())
    state = next(name for name in pointer["files"] if name.endswith("state.safetensors"))
    other = tmp_path / "model.json"
    for name, digest, cause in ((state, "0" * 64, "is not what the model"), ("none.json", "0" * 64, "does not exist")):
        other.write_text(json.dumps({**pointer, "files": {name: digest}}))
        with pytest.raises(InputError, match=cause):
            _load_pyfunc(str(other))


def test_what_cannot_be_predicted_is_refused_before_anything_is_written(
    smoke: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    text = tmp_path / "notes.txt"
    text.write_text("no image")
    monkeypatch.chdir(smoke)
    for wrong, cause in ((text, "not an image"), (tmp_path / "none.png", "does not exist"), (tmp_path, "not a file")):
        with pytest.raises(InputError, match=cause):
            predict_files([image(smoke), wrong], None, out, machine=False)
    with pytest.raises(InputError, match="not the folder of a run"):
        predict_files([image(smoke)], tmp_path, out, machine=False)
    with pytest.raises(InputError, match="share"):
        predict_files([image(smoke), image(smoke)], None, out, machine=False)
    assert not out.exists()


def test_a_model_without_pose_is_refused(smoke: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(smoke)
    model = load_model(RUNS / "icarl-smoke/total-16/seed0")
    model.method.network.pose_head = None
    with pytest.raises(InputError, match="estimates no pose"):
        model.ask([np.zeros((*model.image_size, 3), dtype=np.uint8)])


def test_without_any_run_the_remedy_is_named(tmp_path: Path) -> None:
    shown = tmp_path / "image.png"
    Image.new("RGB", (50, 40)).save(shown)
    done = subprocess.run(
        [sys.executable, "-m", "meshcil.cli", "predict", str(shown)], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 2 and "make reproduce" in done.stderr and done.stderr.startswith("error: ")


@pytest.fixture
def served(smoke: Path, tmp_path: Path):
    """Address of the demo page."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = (tmp_path / "log").open("w")
    environment = os.environ | {"HOME": str(tmp_path)}
    command = [sys.executable, "-m", "meshcil.cli", "demo", "--port", str(port)]
    server = subprocess.Popen(command, cwd=smoke, stdout=log, stderr=log, env=environment)
    deadline = time.monotonic() + 120
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            break
        except OSError:
            assert server.poll() is None and time.monotonic() < deadline, (tmp_path / "log").read_text()
            time.sleep(0.2)
    yield f"http://127.0.0.1:{port}"
    server.terminate()
    assert server.wait(timeout=30) == -signal.SIGTERM
    log.close()
    with socket.socket() as left:
        # No child keeps the port.
        assert left.connect_ex(("127.0.0.1", port))


def test_the_demo_answers_no_page_but_its_own(served: str) -> None:
    def status(**headers: str) -> int:
        try:
            with urlopen(Request(served, headers=headers)) as answer:
                return answer.status
        except HTTPError as error:
            return error.code

    assert status() == 200
    assert status(Host="stranger.example") == status(Origin="http://127.0.0.1:1") == 403


def test_the_demo_shows_class_pose_and_drawing_of_a_dropped_image(served: str, smoke: Path) -> None:
    with visit(viewport={"width": 1200, "height": 900}) as seen:
        page = seen.page
        page.goto(served)
        page.get_by_text("In-plane rotation").wait_for(timeout=120_000)
        page.locator("input[type=file]").set_input_files(image(smoke))
        page.get_by_text("or pick a test image").wait_for(state="detached")
        page.get_by_role("slider").focus()
        for _ in range(10):
            before = page.locator("img").get_attribute("src")
            page.keyboard.press("ArrowRight")
            # A picture that the next one replaces while it is loaded is gone from the server.
            page.wait_for_function(
                "before => { const img = document.querySelector('img');"
                " return img.getAttribute('src') !== before && img.complete && img.naturalWidth > 0 }",
                arg=before,
            )
        assert page.get_by_role("slider").input_value() == "50"
        assert page.get_by_text("Elevation").is_visible()
        assert not seen.console
        assert all(url.startswith((served, served.replace("http", "ws"), "data:", "blob:")) for url in seen.requests)
