"""Writers of the three raw layouts: Pascal3D+ release, Occluded Pascal3D+, OOD-CV."""

import io
from pathlib import Path

import numpy as np
import scipy.io
import trimesh
from jaxtyping import Bool, Float
from PIL import Image
from trimesh.exchange.off import export_off

from meshcil.core.errors import InputError
from meshcil.datasets.primitives.occluders import Occluded
from meshcil.datasets.primitives.raycast import Viewpoint
from meshcil.datasets.primitives.scene import Scene
from meshcil.datasets.primitives.shapes import Shape

# Longest edge of a CAD model, whose largest extent is 1.
CAD_EDGE = 0.1


def write_file(path: Path, data: bytes) -> None:
    """Write one file of a tree that appears as a whole; syncing each of ten thousand files would take longest."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError as error:
        raise InputError(
            path, f"cannot be written ({error.strerror})", "Free disk space or choose another folder"
        ) from error


def write_jpeg(path: Path, image: Float[np.ndarray, "H W 3"]) -> None:
    """Write a float RGB image in [0, 1] as JPEG of quality 95."""
    buffer = io.BytesIO()
    Image.fromarray((image * 255 + 0.5).astype(np.uint8)).save(buffer, "JPEG", quality=95, subsampling=0)
    write_file(path, buffer.getvalue())


def bounding_box(mask: Bool[np.ndarray, "H W"]) -> tuple[float, float, float, float]:
    """(x0, y0, x1, y1) of the mask, ends inclusive; zeros when it is empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return 0.0, 0.0, 0.0, 0.0
    return float(columns[0]), float(rows[0]), float(columns[-1]), float(rows[-1])


def _viewpoint(view: Viewpoint) -> dict[str, float]:
    """The ``viewpoint`` struct: degrees; the focal length in pixels is viewport * focal."""
    azimuth, elevation, theta = (float(np.rad2deg(a)) for a in (view.azimuth, view.elevation, view.theta))
    return {
        "azimuth_coarse": round(azimuth / 45) % 8 * 45.0,
        "elevation_coarse": round(elevation / 15) * 15.0,
        "azimuth": azimuth,
        "elevation": elevation,
        "theta": theta,
        "distance": float(view.distance),
        "focal": 1.0,
        "px": float(view.principal[0]),
        "py": float(view.principal[1]),
        "viewport": float(view.focal),
        "error": 0.0,
    }


def annotation_bytes(class_name: str, file_name: str, scene: Scene) -> bytes:
    """A MATLAB v5 file with the ``record`` struct of Pascal3D+."""
    height, width = scene.mask.shape
    objects = {
        "class": class_name,
        "bbox": np.array(bounding_box(scene.mask))[None],
        "cad_index": scene.cad_index,
        "viewpoint": _viewpoint(scene.view),
        "occluded": 0,
        "truncated": 0,
        "difficult": 0,
    }
    record = {
        "filename": file_name,
        "imgsize": np.array([[width, height, 3]]),
        "database": "primitives3d",
        "objects": objects,
    }
    buffer = io.BytesIO()
    scipy.io.savemat(buffer, {"record": record}, do_compression=True)
    data = bytearray(buffer.getvalue())
    # The first 116 bytes are free text, where scipy writes the platform and the date.
    data[:116] = b"MATLAB 5.0 MAT-file".ljust(116)
    return bytes(data)


def write_off(path: Path, shape: Shape) -> None:
    """Write a CAD model as OFF text, axes as they are.

    Long edges are split: cuboids are fitted to the cloud of vertices, which must cover flat surfaces too.
    """
    mesh = trimesh.Trimesh(*trimesh.remesh.subdivide_to_size(shape.vertices, shape.faces, CAD_EDGE), process=False)
    write_file(path, export_off(mesh, digits=6).encode())


def occlusion_bytes(source: str, mask: Bool[np.ndarray, "H W"], occluded: Occluded) -> bytes:
    """The npz annotation of Occluded Pascal3D+ (boxes as y0, y1, x0, x1, height, width)."""
    height, width = mask.shape
    x0, y0, x1, y1 = bounding_box(mask)
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        source=np.array(source),
        mask=mask.astype(np.uint8) * 255,
        occluder_mask=occluded.occluders.astype(np.uint8),
        box=np.array([y0, y1, x0, x1, height, width], int),
        occluder_box=np.array([(*box, height, width) for box in occluded.boxes]).reshape(-1, 6),
    )
    return buffer.getvalue()
