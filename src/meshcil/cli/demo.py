"""The demo: a page on this machine that asks a stored model about an image and hides parts of it."""

import subprocess
import sys
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from meshcil.cli.stored_model import load_model
from meshcil.core.errors import InputError
from meshcil.datasets.primitives.blobs import blob, paint
from meshcil.datasets.primitives.occluders import KINDS

_PAGE = Path(__file__).with_name("demo_page.py")
_OPTIONS = {
    "server.address": "127.0.0.1",
    "server.headless": "true",
    "server.fileWatcherType": "none",
    "browser.serverAddress": "127.0.0.1",
    "browser.gatherUsageStats": "false",
    "client.toolbarMode": "minimal",
    "client.showErrorDetails": "none",
}


def command(model: Path | None, port: int) -> list[str]:
    """Command that serves the page to this machine alone, without usage statistics."""
    options = [f"--{name}={value}" for name, value in (_OPTIONS | {"server.port": str(port)}).items()]
    return [sys.executable, "-m", "streamlit", "run", str(_PAGE), *options, "--", *([str(model)] if model else [])]


def serve(model: Path | None, port: int) -> int:
    """Serve the page until interrupted.

    Returns:
        Exit code of the server.

    Raises:
        InputError: when there is no model to ask, or the port is no port.
    """
    if not 1024 <= port <= 65535:
        raise InputError(f"port {port}", "cannot be used", "Choose one from 1024 to 65535")
    stored = load_model(model)
    folder = stored.folder
    print(f"Model: {stored.title}\nOpen http://127.0.0.1:{port} (Ctrl-C ends it)", flush=True)
    try:
        return subprocess.run(command(folder, port)).returncode
    except KeyboardInterrupt:
        return 0


def hide(window: UInt8[np.ndarray, "H W 3"], share: float, seed: int = 0) -> UInt8[np.ndarray, "H W 3"]:
    """Put textured things of no class before the middle of an image until a share of it is hidden.

    Args:
        window: RGB; the middle is the central three quarters of its height and width, where the object is.
        share: in [0, 1), of the middle's pixels.
        seed: of the things' places, shapes and textures.

    Returns:
        A copy; unchanged with share 0.

    Raises:
        ValueError: a share outside the range.
    """
    if not 0 <= share < 1:
        raise ValueError(f"share must be in [0, 1), but it is {share}")
    rng = np.random.default_rng(seed)
    height, width = window.shape[:2]
    middle = np.zeros((height, width), dtype=bool)
    middle[height // 8 : height - height // 8, width // 8 : width - width // 8] = True
    hidden = np.zeros_like(middle)
    picture = window.astype(float) / 255
    while hidden[middle].mean() < share:
        rows, columns = np.nonzero(middle & ~hidden)
        pick = int(rng.integers(len(rows)))
        thing = blob(rng, (float(rows[pick]), float(columns[pick])), 0.12 * min(height, width), height, width)
        if thing is not None:
            paint(picture, thing, rng, KINDS)
            hidden[thing.window()] |= thing.mask()
    return np.rint(picture * 255).astype(np.uint8)
