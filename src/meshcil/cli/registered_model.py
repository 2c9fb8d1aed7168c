"""A model of MLflow's registry: images in, class and pose out. MLflow imports this module by name and loads by it."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from meshcil.cli.stored_model import StoredModel, decode_window, load_model
from meshcil.core.artifacts import read_json
from meshcil.core.errors import InputError
from meshcil.core.hashing import sha256_file


class RegisteredModel:
    """What MLflow asks: a stored model with tables around it."""

    def __init__(self, stored: StoredModel) -> None:
        self.stored = stored

    def predict(self, model_input: pd.DataFrame, params: Mapping[str, Any] | None = None) -> pd.DataFrame:
        """Answer for each image.

        Args:
            model_input: column `image`: bytes of an image file, for instance PNG or JPEG.
            params: MLflow's; there are none.

        Returns:
            Columns `class`, `score`, and `azimuth`, `elevation`, `theta` in degrees (NaN where the method estimates no
            pose).

        Raises:
            InputError: when bytes are no image.
        """
        size = self.stored.image_size
        windows = [decode_window(bytes(data), size, f"image {i}") for i, data in enumerate(model_input["image"])]
        found = self.stored.predict(windows)
        names = self.stored.run.classes
        labels = found.labels.tolist()
        table = pd.DataFrame({"class": [names[label] for label in labels]})
        table["score"] = [float(scores[label]) for scores, label in zip(found.scores, labels, strict=True)]
        poses = np.full((len(labels), 3), math.nan) if found.poses is None else found.poses.double().cpu().numpy()
        table[["azimuth", "elevation", "theta"]] = np.degrees(poses)
        return table


def _load_pyfunc(path: str) -> RegisteredModel:
    """Load the model that a pointer leads to, if all its files are what was registered.

    Raises:
        InputError: naming the first that is not.
    """
    pointer = read_json(Path(path))
    for name, digest in pointer["files"].items():
        if not Path(name).is_file():
            raise InputError(name, "does not exist", "Load the model in the folder in which `make reproduce` ran")
        if sha256_file(Path(name)) != digest:
            raise InputError(name, "is not what the model was registered with", "Run `meshcil audit`")
    return RegisteredModel(load_model(Path(pointer["run"])))
