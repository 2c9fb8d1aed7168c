"""The page of `meshcil demo`, run by Streamlit on every change of an input."""

import math
import sys
from pathlib import Path

import numpy as np
import streamlit as st

from meshcil.cli.demo import dropped_window, hide
from meshcil.cli.stored_model import Answer, StoredModel, load_model
from meshcil.core.errors import InputError
from meshcil.datasets.prepared import PreparedSplit, load_split


@st.cache_resource(show_spinner="Loading the model")
def stored_model(folder: str) -> StoredModel:
    """The model, loaded once."""
    return load_model(Path(folder) if folder else None)


@st.cache_resource
def test_images(folder: str) -> PreparedSplit:
    """Test images of the model's dataset."""
    data = Path(folder)
    return load_split(data / "clean.parquet")


def choose_image(model: StoredModel) -> np.ndarray:
    """The window that is asked about: the dropped image or a test image."""
    dropped = st.file_uploader("Drop an image", type=["png", "jpg", "jpeg", "webp"])
    if dropped is not None:
        try:
            return dropped_window(dropped.getvalue(), model.image_size, dropped.name)
        except InputError as error:
            st.error(str(error))
            st.stop()
    images = test_images(str(model.data))
    name = st.selectbox("or pick a test image", images.ids)
    return images.images()[images.ids.index(name)].permute(1, 2, 0).numpy()


def show(answer: Answer) -> None:
    """Class, pose and drawing."""
    drawing, words = st.columns([3, 2])
    caption = "The class's cuboid in the estimated pose; blue cells see it, red ones look like something else"
    drawing.image(answer.drawing(zoom=6), caption=caption)
    azimuth, elevation, theta = (math.degrees(angle) for angle in answer.pose)
    if answer.unlike:
        words.warning("Unlike anything learned. What follows is the nearest class, not an answer.")
    words.metric("Class", answer.class_name)
    words.metric("Azimuth", f"{azimuth:z.1f}°")
    words.metric("Elevation", f"{elevation:z.1f}°")
    words.metric("In-plane rotation", f"{theta:z.1f}°")
    words.dataframe({"class": list(answer.scores), "score": list(answer.scores.values())}, hide_index=True)


def page() -> None:
    """The whole page."""
    st.set_page_config(page_title="MeshCIL", layout="wide")
    st.title("MeshCIL")
    try:
        model = stored_model(sys.argv[1] if len(sys.argv) > 1 else "")
        with st.sidebar:
            window = choose_image(model)
            share = st.slider("Share of the middle that is hidden", 0, 90, 0, step=5, format="%d %%")
            st.caption(model.title)
        show(model.ask([hide(window, share / 100)])[0])
    except InputError as error:
        st.error(str(error))


page()
