"""CAD models of a class as OFF files: their vertices, pooled over subtypes, give the class's cuboid."""

import io
from pathlib import Path

import numpy as np
import trimesh
from jaxtyping import Float, Int

from meshcil.core import limits
from meshcil.core.errors import InputError
from meshcil.datasets.base import require_folder


def read_mesh(path: Path) -> tuple[Float[np.ndarray, "V 3"], Int[np.ndarray, "F 3"]]:
    """Vertices of an OFF file in CAD axes (z up), and its faces as triangles.

    Raises InputError when the file is missing, damaged or has no vertices.
    """
    data = limits.read_file(path, limits.MODEL_BYTES, "Restore the CAD folder")
    try:
        mesh = trimesh.load_mesh(io.BytesIO(data), file_type="off", process=False)
        vertices, faces = np.asarray(mesh.vertices, dtype=np.float64), np.asarray(mesh.faces, dtype=np.int64)
    except Exception as error:  # trimesh passes on whatever its text parsing meets
        raise InputError(path, f"is not an OFF file ({error})", "Restore the CAD folder") from error
    if not len(vertices) or not np.isfinite(vertices).all():
        raise InputError(path, "has no finite vertices", "Restore the CAD folder")
    return vertices, faces.reshape(-1, 3)


def read_off(path: Path) -> Float[np.ndarray, "V 3"]:
    """Vertices of an OFF file in CAD axes (z up), float64 [V, 3]; see `read_mesh`."""
    return read_mesh(path)[0]


def model_files(folder: Path) -> list[Path]:
    """CAD models of a class, ``NN.off``, in order; longer names are derived files of some releases.

    Raises InputError when the folder is missing or holds no model.
    """
    require_folder(folder, f"{folder.name} CAD models")
    paths = sorted(path for path in folder.glob("*.off") if len(path.name) < 7)
    if not paths:
        raise InputError(folder, "holds no CAD model (NN.off)", "Restore the CAD folder")
    return paths


def pooled_vertices(folder: Path) -> Float[np.ndarray, "V 3"]:
    """Vertices of all CAD models of a class together (NeMo: one cuboid for all subtypes); see `model_files`."""
    return np.concatenate([read_off(path) for path in model_files(folder)])
