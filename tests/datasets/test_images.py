"""The one reader of images: what is scaled, turned, or refused with its file and reason."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from meshcil.cli.stored_model import read_window
from meshcil.core.errors import InputError
from meshcil.datasets.images import decode_image, read_image
from meshcil.datasets.prepared import PreparedSplit, encode_png

RAMP = np.arange(256, dtype=np.uint8).reshape(16, 16)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def decode(data: bytes) -> np.ndarray:
    return decode_image(data, "a.jpg", "Do it", upright=True)


def bomb() -> bytes:
    """A PNG whose header promises 20 000 x 10 000 pixels."""
    small = encoded(Image.new("L", (1, 1)), "PNG")
    header = b"IHDR" + struct.pack(">II", 20000, 10000) + small[24:29]
    return small[:12] + header + struct.pack(">I", zlib.crc32(header)) + small[33:]


def long_text() -> bytes:
    info = PngImagePlugin.PngInfo()
    info.add_text("note", "x" * 2**21, zip=True)
    return encoded(Image.fromarray(RAMP), "PNG", pnginfo=info)


def animation(kind: str) -> bytes:
    frames = [Image.fromarray(RAMP + k).convert("RGB") for k in (0, 9)]
    return encoded(frames[0], kind, save_all=True, append_images=frames[1:])


def heic() -> bytes:
    return b"\0\0\0\x18ftypheic" + bytes(40)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM"])
def test_sixteen_bits_become_eight(kind: str) -> None:
    data = encoded(Image.fromarray(RAMP.astype(np.uint16) * 257), kind)
    assert np.array_equal(decode(data), np.repeat(RAMP[..., None], 3, axis=2))


def test_floating_values_are_scaled_from_one_and_others_refused() -> None:
    light = RAMP.astype(np.float32) / 255
    assert np.array_equal(decode(encoded(Image.fromarray(light), "TIFF"))[..., 1], RAMP)
    for values in (light * 300, light - 0.5, light * np.float32("nan"), RAMP.astype(np.int32) * 1000):
        with pytest.raises(InputError, match=r"a\.jpg: has values from .* 8 bits per channel"):
            decode(encoded(Image.fromarray(values), "TIFF"))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"])
def test_every_usual_mode_keeps_its_colours(mode: str) -> None:
    kind = "TIFF" if mode == "CMYK" else "PNG"
    found = decode(encoded(Image.new("RGB", (8, 8), "white").convert(mode), kind))
    assert found.shape == (8, 8, 3) and (found == 255).all()


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_lies_on_white(mode: str) -> None:
    image = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    image.paste((0, 0, 0, 255), (0, 0, 8, 4))
    found = decode(encoded(image.convert(mode), "PNG"))
    assert (found[:4] == 0).all() and (found[4:] == 255).all()


def test_colours_of_print_are_those_of_the_screen() -> None:
    found = decode(encoded(Image.new("RGB", (16, 16), (200, 40, 40)).convert("CMYK"), "JPEG"))
    assert abs(found[8, 8].astype(int) - (200, 40, 40)).max() < 8


@pytest.mark.parametrize("kind", ["WEBP", "AVIF", "GIF", "BMP"])
def test_the_content_counts_and_not_the_ending(kind: str) -> None:
    assert abs(int(decode(encoded(Image.new("RGB", (32, 32), (200, 40, 40)), kind))[16, 16, 0]) - 200) < 6


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (bomb, "more than 89,478,485 pixels"),
        (long_text, "Decompressed data too large"),
        (heic, "HEIC"),
        (bytes, "is empty"),
        (lambda: animation("GIF"), r"animation or has several pages \(2\)"),
        (lambda: animation("TIFF"), "several pages"),
        (lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n", "no known image format"),
        (lambda: encoded(Image.fromarray(RAMP), "BMP")[:600], "truncated"),
    ],
)
def test_what_cannot_be_used_is_named_with_its_reason_by_every_reader(tmp_path: Path, make, reason: str) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(make())
    for read in (read_image, lambda file: read_window(file, (8, 8))):
        with pytest.raises(InputError, match=reason) as caught:
            read(path)
        assert caught.value.where == str(path)


@pytest.mark.parametrize("turn", range(2, 9))
def test_photographs_stand_upright_where_pixels_carry_no_annotation(tmp_path: Path, turn: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = turn
    stored = Image.fromarray(np.repeat(np.arange(24, dtype=np.uint8).reshape(4, 6)[..., None] * 10, 3, axis=2))
    (tmp_path / "a.png").write_bytes(encoded(stored, "PNG", exif=exif))
    upright = read_image(tmp_path / "a.png", upright=True)
    assert np.array_equal(read_image(tmp_path / "a.png"), np.asarray(stored))
    # EXIF 2.32, tag Orientation: where the first stored pixel is seen.
    first = {2: (0, -1), 3: (-1, -1), 4: (-1, 0), 5: (0, 0), 6: (0, -1), 7: (-1, -1), 8: (-1, 0)}[turn]
    assert upright.shape[:2] == ((6, 4) if turn > 4 else (4, 6))
    assert (upright[first] == np.asarray(stored)[0, 0]).all()


def test_prepared_images_of_another_size_or_too_many_pixels_are_named() -> None:
    import torch

    good = encode_png(np.zeros((8, 8, 3), np.uint8))
    for bad, reason in ((bomb(), "pixels"), (encode_png(np.zeros((8, 9, 3), np.uint8)), "another size")):
        split = PreparedSplit(("a", "b"), ("c", "c"), torch.zeros(2, 3), torch.zeros(2), (good, bad), (None, None), "t")
        with pytest.raises(InputError, match=rf"t \(b\): .*{reason}"):
            split.images()
