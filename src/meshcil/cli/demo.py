"""The demo: a page on this machine that asks a stored model about an image and hides parts of it."""

import signal
import socket
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from meshcil.cli.stored_model import decode_window, load_model
from meshcil.core import limits
from meshcil.core.errors import InputError
from meshcil.datasets.images import opened
from meshcil.datasets.primitives.occluders import KINDS
from meshcil.datasets.primitives.textures import blob, paint

_PAGE = Path(__file__).with_name("demo_page.py")
_NAMES = ("127.0.0.1", "localhost")
_OPTIONS = {
    "server.address": "127.0.0.1",
    "server.allowedHosts": list(_NAMES),
    "server.maxUploadSize": limits.DROPPED_MEBIBYTES,
    "server.headless": True,
    "server.fileWatcherType": "none",
    "browser.serverAddress": "127.0.0.1",
    "browser.gatherUsageStats": False,
    "client.toolbarMode": "minimal",
    "client.showErrorDetails": "none",
}
_Message = MutableMapping[str, Any]


class OwnPage:
    """Answers only what the page itself asks, as ASGI middleware.

    Another name in `Host` is a stranger's page that had its name lead here; another `Origin` is a page of another
    address or port. Streamlit's own check would let in every port of this machine.

    Args:
        app: what answers.
        port: of the page.
    """

    def __init__(self, app: Any, port: int) -> None:
        self.app = app
        self.hosts = {f"{name}:{port}".encode() for name in _NAMES}

    async def __call__(
        self,
        scope: _Message,
        receive: Callable[[], Awaitable[_Message]],
        send: Callable[[_Message], Awaitable[None]],
    ) -> None:
        """Pass a request on, or refuse it with status 403."""
        from starlette.responses import PlainTextResponse

        headers = scope.get("headers", ())
        hosts = {value for name, value in headers if name == b"host"}
        origins = {value for name, value in headers if name == b"origin"}
        known = hosts and hosts <= self.hosts and origins <= {b"http://" + host for host in hosts}
        answer = self.app if known or scope["type"] == "lifespan" else PlainTextResponse("not from this page\n", 403)
        await answer(scope, receive, send)


def serve(model: Path | None, port: int) -> None:
    """Serve the page to this machine alone, in this process, until it is interrupted or terminated.

    Raises:
        InputError: when there is no model to ask, or the port is taken or none.
    """
    if not 1024 <= port <= 65535:
        raise InputError(f"port {port}", "cannot be used", "Choose one from 1024 to 65535")
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            raise InputError(f"port {port}", "is taken by another program", "Choose another one with `--port`")
    stored = load_model(model)
    print(f"Model: {stored.title}\nOpen http://127.0.0.1:{port} (Ctrl-C ends it)", flush=True)
    from starlette.middleware import Middleware
    from streamlit.starlette import App

    # What the page is told; Streamlit takes the first for the name of the program.
    sys.argv = [str(_PAGE), str(stored.folder)]
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with suppress(KeyboardInterrupt):
        App(_PAGE, middleware=[Middleware(OwnPage, port=port)]).run(config=_OPTIONS | {"server.port": port})


def dropped_window(data: bytes, size: tuple[int, int], name: str) -> UInt8[np.ndarray, "H W 3"]:
    """A dropped image as the model sees it; see `decode_window`.

    Raises:
        InputError: when it is not an image, or one too large for a page that others may have open.
    """
    with opened(data, name, "Drop another image") as image:
        if image.width * image.height > limits.DROPPED_PIXELS:
            raise InputError(name, f"has more than {limits.DROPPED_PIXELS:,} pixels", "Make the image smaller")
    return decode_window(data, size, name)


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
