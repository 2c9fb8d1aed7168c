"""Figures made of images: decoding, one JPEG of limited size, and an SVG file around it."""

import base64
import io

from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image, UnidentifiedImageError

from meshcil.core.errors import InputError

REMEDY = "Delete the prepared folder and prepare the dataset again"


def decode_png(data: bytes, where: str, mode: str = "RGB") -> Image.Image:
    """An image from its bytes.

    Args:
        data: of the file.
        where: file and row, for the message.
        mode: of the result, e.g. ``RGB``, or ``1`` for a mask.

    Raises:
        InputError: when it is damaged.
    """
    try:
        with Image.open(io.BytesIO(data)) as image:
            return image.convert(mode)
    except (OSError, UnidentifiedImageError, SyntaxError) as error:
        raise InputError(where, f"holds a damaged image ({error})", REMEDY) from error


def jpeg_text(mosaic: Image.Image, max_bytes: int) -> str:
    """Base64 of the best JPEG of an image whose text has at most ``max_bytes``, down to a quality of 20."""
    for quality in (84, 76, 68, 60, 50, 40, 30, 20):
        stream = io.BytesIO()
        mosaic.save(stream, "JPEG", quality=quality, optimize=True)
        text = base64.b64encode(stream.getvalue()).decode()
        if len(text) <= max_bytes:
            break
    return text


def render_svg(template: str, **values: object) -> str:
    """Fill in ``templates/<template>.svg.j2``."""
    loader = PackageLoader("meshcil.reporting")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True)
    return environment.get_template(f"{template}.svg.j2").render(**values)
