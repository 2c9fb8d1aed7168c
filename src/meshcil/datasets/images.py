"""The one reader of image files and encoded images: RGB, 8 bits, never changed without a word.

Values of 16 bits are scaled to 8, as are floating values that lie in [0, 1]. What is transparent is laid on white. What
has no single right answer is refused: other floating or 32-bit values, and animations.
"""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import ExifTags, Image

from meshcil.core import limits
from meshcil.core.errors import InputError

REMEDY = "Restore the file from the dataset's archive, or take its name out of the list"
ENDINGS = (".jpg", ".jpeg", ".jfif", ".png", ".bmp", ".gif", ".ppm", ".pgm", ".pbm", ".tif", ".tiff", ".webp", ".avif")
"""Names that are taken for images in a folder; what a file is follows from its content."""
# Without the formats that Pillow hands to other programs (EPS), or that hold no photographs.
_FORMATS = ("JPEG", "PNG", "BMP", "GIF", "PPM", "TIFF", "WEBP", "AVIF")
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # fmt: skip
_HEIF = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")


@contextmanager
def opened(data: bytes, where: str | Path, remedy: str) -> Iterator[Image.Image]:
    """An encoded image; whatever fails while it is opened or decoded becomes one InputError about ``where``.

    That is when it is empty, damaged, of an unknown format, or has too many pixels.
    """
    if not data:
        raise InputError(where, "is truncated or not an image (it is empty)", remedy)
    if data[4:8] == b"ftyp" and data[8:12] in _HEIF:
        raise InputError(where, "is a HEIC image, which is not supported", "Convert it to JPEG or PNG")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
                yield image
    except InputError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InputError(where, f"has more than {limits.PIXELS:,} pixels", "Make the image smaller") from error
    # A damaged file can fail anywhere inside a decoder, with any exception.
    except Exception as error:
        reason = "its content is of no known image format" if isinstance(error, Image.UnidentifiedImageError) else error
        raise InputError(where, f"is truncated or not an image ({reason})", remedy) from error


def decode_image(data: bytes, where: str | Path, remedy: str, *, upright: bool) -> UInt8[np.ndarray, "H W 3"]:
    """Decode an image to RGB; ``upright`` turns it as its EXIF orientation says.

    Not so where annotations are in pixels as they are stored. Raises InputError as `opened`, and for animations and
    values that have no one right scale.
    """
    with opened(data, where, remedy) as image:
        frames = getattr(image, "n_frames", 1)
        if frames > 1 and image.format != "MPO":  # a telephone's photograph with a second one of another exposure
            cause = f"is an animation or has several pages ({frames})"
            raise InputError(where, cause, "Store one picture per file")
        turn = _TURNS.get(image.getexif().get(ExifTags.Base.Orientation)) if upright else None
        colours = _eight_bits(image, where)
        return np.asarray(colours if turn is None else colours.transpose(turn))


def read_image(path: Path, remedy: str = REMEDY, *, upright: bool = False) -> UInt8[np.ndarray, "H W 3"]:
    """Decode an image file to RGB; see `decode_image`.

    Raises InputError when the file is missing, damaged or not an image.
    """
    return decode_image(limits.read_file(path, limits.IMAGE_BYTES, remedy), path, remedy, upright=upright)


def refuse_turned(path: Path) -> None:
    """Refuse an image that is to be turned for viewing: which way its pose's pixels count is not known.

    Raises InputError naming the file.
    """
    with opened(limits.read_file(path, limits.IMAGE_BYTES, REMEDY), path, REMEDY) as image:
        if image.getexif().get(ExifTags.Base.Orientation) in _TURNS:
            cause = "is rotated by its EXIF orientation, but its pose is in pixels"
            raise InputError(path, cause, "Save it upright, without that entry, and give the pose in its pixels")


def _eight_bits(image: Image.Image, where: str | Path) -> Image.Image:
    """RGB, where Pillow's own conversion would cut values off at 255."""
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format in ("PNG", "PPM")):
        values = np.asarray(image).astype(np.int64)
        return Image.fromarray(((values + 128) // 257).clip(0, 255).astype(np.uint8)).convert("RGB")
    if image.mode in ("I", "F"):
        values = np.asarray(image).astype(np.float64)
        if image.mode == "I" or not (np.isfinite(values).all() and values.min() >= 0 and values.max() <= 1):
            cause = f"has values from {values.min():g} to {values.max():g}, so which one is white is unknown"
            raise InputError(where, cause, "Save it with 8 bits per channel")
        return Image.fromarray((values * 255 + 0.5).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        # As a viewer shows it; without this, whatever colour the transparent pixels happen to hold would appear.
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")
