import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from meshcil.core.errors import InputError
from meshcil.datasets.base import Annotation
from meshcil.datasets.images import read_image
from meshcil.datasets.windows import cut_image, cut_mask, fill_border, locate, scale_factor


def annotation(distance=5.0, principal=(50.0, 40.0), focal=3000.0, bbox=(0.0, 0.0, 80.0, 40.0)):
    return Annotation("car", 0.0, 0.0, 0.0, distance, focal, principal, bbox, 1)


def test_original_preparation_scales_by_distance_over_five():
    assert scale_factor(annotation(distance=7.5), (640, 800), 3000.0) == pytest.approx(1.5)
    assert scale_factor(annotation(distance=7.5), (80, 100), 375.0) == pytest.approx(1.5 / 8)
    assert scale_factor(annotation(distance=0.0), (640, 800), 3000.0) == pytest.approx(224 / 40)
    assert scale_factor(annotation(distance=-1.0), (96, 96), 375.0) == pytest.approx(0.35 * 96 / 40)


@given(
    st.tuples(st.integers(20, 200), st.integers(20, 200)),
    st.floats(2.0, 12.0),
    st.floats(-30, 230),
    st.floats(-30, 230),
    st.tuples(st.integers(8, 60), st.integers(8, 60)).map(lambda s: (2 * s[0], 2 * s[1])),
)
def test_window_equals_padding_and_cropping_by_hand(shape, distance, px, py, size):
    """The NeMo procedure written out for the whole padded image, against the closed form."""
    note = annotation(distance=distance, principal=(px, py))
    window = locate(shape, note, size, 3000.0)
    scale = distance / 5
    height, width = max(int(shape[0] * scale), 1), max(int(shape[1] * scale), 1)
    row, column = int(py * scale), int(px * scale)
    big = 3000
    canvas = np.zeros((height + 2 * big, width + 2 * big), int)
    canvas[big : big + height, big : big + width] = np.arange(1, height * width + 1).reshape(height, width)
    top, left = big + row - size[0] // 2, big + column - size[1] // 2
    expected = canvas[top : top + size[0], left : left + size[1]]
    assert window.resized == (height, width)
    coded = np.zeros((height, width, 3), np.uint8)
    coded[..., 0], coded[..., 1], coded[..., 2] = (
        canvas[big : big + height, big : big + width] // 256**k % 256 for k in range(3)
    )
    # The image has its rescaled size already: rescaling is then the identity.
    actual = cut_image(coded, window).astype(int)
    assert np.array_equal(actual[..., 0] + 256 * actual[..., 1] + 256**2 * actual[..., 2], expected)
    top, bottom, left, right = window.padding
    inside = np.zeros(size, bool)
    inside[top : max(size[0] - bottom, top), left : max(size[1] - right, left)] = True
    assert np.array_equal(inside, expected > 0)


def test_principal_point_lands_on_the_centre():
    image = np.zeros((100, 120, 3), np.uint8)
    image[28:32, 68:72] = 255
    window = locate((100, 120), annotation(distance=10.0, principal=(70.0, 30.0)), (96, 96), 3000.0)
    rows, columns = np.nonzero(cut_image(image, window)[..., 0] > 128)
    assert rows.mean() + 0.5 == pytest.approx(48)
    assert columns.mean() + 0.5 == pytest.approx(48)


def test_masks_stay_binary_and_follow_the_image():
    mask = np.zeros((60, 60), bool)
    mask[20:40, 20:40] = True
    window = locate((60, 60), annotation(distance=7.0, principal=(30.0, 30.0)), (96, 96), 3000.0)
    cut = cut_mask(mask, window)
    assert cut.dtype == bool
    assert cut.sum() == pytest.approx((20 * 7 / 5) ** 2, rel=0.05)
    image = cut_image(np.repeat(mask[..., None] * np.uint8(255), 3, axis=2), window)[..., 0] > 127
    assert (image != cut).mean() < 0.02


def test_border_is_filled_and_the_image_kept():
    image = np.full((10, 12, 3), 7, np.uint8)
    texture = np.full((10, 12, 3), 200, np.uint8)
    filled = fill_border(image, (2, 1, 3, 0), texture)
    assert (filled[2:9, 3:] == 7).all()
    assert (filled == 7).all(axis=2).sum() == 7 * 9
    assert (fill_border(image, (0, 0, 0, 0), texture) == 7).all()
    assert (fill_border(image, (10, 0, 0, 0), texture) == 200).all()


def test_unreadable_images_name_the_file(tmp_path):
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 40, 3), dtype=np.uint8)).save(tmp_path / "a.JPEG")
    data = (tmp_path / "a.JPEG").read_bytes()
    assert read_image(tmp_path / "a.JPEG").shape == (40, 40, 3)
    for size in (0, 10, len(data) // 2):
        (tmp_path / "b.JPEG").write_bytes(data[:size])
        with pytest.raises(InputError, match=r"b\.JPEG.*truncated"):
            read_image(tmp_path / "b.JPEG")
    with pytest.raises(InputError, match="missing"):
        read_image(tmp_path / "c.JPEG")
    with pytest.raises(InputError, match="not a file"):
        read_image(tmp_path)
