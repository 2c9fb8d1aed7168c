import io
import json
import math
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from meshcil.core.errors import InputError
from meshcil.datasets.prepared import (
    DatasetInfo,
    PreparedRow,
    encode_jpeg,
    encode_png,
    load_cuboids,
    load_info,
    load_split,
    write_info,
    write_split,
)

INFO = DatasetInfo("toy", ("car", "bus"), (8, 10), 30.0, 5.0, ("clean",), {"train": 3, "clean": 1}, {"train": "ab"})


def rows(count=5):
    rng = np.random.default_rng(0)
    return [
        PreparedRow(
            id=f"car/{n}",
            class_name="car",
            image=encode_png(rng.integers(0, 256, (8, 10, 3), dtype=np.uint8)),
            azimuth=0.1 * n,
            elevation=0.2,
            theta=-0.3,
            distance=5.5,
            padding=(0, 1, 2, 3),
            occlusion=math.nan if n == 0 else 0.25 * n,
            mask=None if n % 2 else encode_png(rng.random((8, 10)) > 0.5),
        )
        for n in range(count)
    ]


def test_round_trip_is_lossless(tmp_path):
    write_split(tmp_path / "train.parquet", rows())
    split = load_split(tmp_path / "train.parquet")
    assert len(split) == 5
    assert split.ids == tuple(f"car/{n}" for n in range(5))
    assert split.class_names == ("car",) * 5
    assert split.poses.dtype == torch.float32
    assert torch.allclose(split.poses[:, 0], torch.arange(5) * 0.1)
    assert split.poses[0, 1:].tolist() == pytest.approx([0.2, -0.3])
    assert torch.isnan(split.occlusion[0])
    assert split.occlusion[1:].tolist() == [0.25, 0.5, 0.75, 1.0]
    pixels = np.random.default_rng(0).integers(0, 256, (8, 10, 3), dtype=np.uint8)
    images = split.images()
    assert images.shape == (5, 3, 8, 10)
    assert images.dtype == torch.uint8
    assert np.array_equal(images[0].permute(1, 2, 0).numpy(), pixels)
    assert split.images() is images
    assert split.mask(1) is None
    assert split.mask(0).dtype == torch.bool
    assert 20 < split.mask(0).sum() < 60


def test_jpegs_are_read_as_they_were_stored_and_damage_is_named(tmp_path):
    smooth = np.linspace(0, 255, 16 * 24 * 3).reshape(16, 24, 3).astype(np.uint8)
    data = encode_jpeg(smooth)
    write_split(tmp_path / "a.parquet", [replace(row, image=data) for row in rows(2)])
    images = load_split(tmp_path / "a.parquet").images()
    assert images.shape == (2, 3, 16, 24)
    assert np.array_equal(images[1].permute(1, 2, 0).numpy(), np.asarray(Image.open(io.BytesIO(data))))
    for bad in (data[:-40], encode_jpeg(smooth[:8]), encode_png(smooth[:, :8])):
        write_split(tmp_path / "b.parquet", [replace(rows(1)[0], image=data), replace(rows(2)[1], image=bad)])
        with pytest.raises(InputError, match=r"car/1.*(truncated|of another size)"):
            load_split(tmp_path / "b.parquet").images()


def test_files_are_a_function_of_the_rows(tmp_path):
    for name in ("a", "b"):
        write_split(tmp_path / f"{name}.parquet", rows())
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    assert str(tmp_path).encode() not in (tmp_path / "a.parquet").read_bytes()


@pytest.mark.parametrize("decoded", [False, True])
def test_subset_takes_masks_indices_and_lists(tmp_path, decoded):
    write_split(tmp_path / "train.parquet", rows())
    split = load_split(tmp_path / "train.parquet")
    if decoded:
        split.images()
    for which in ([3, 1], torch.tensor([3, 1])):
        part = split.subset(which)
        assert part.ids == ("car/3", "car/1")
        assert torch.equal(part.images(), split.images()[[3, 1]])
        assert torch.equal(part.poses, split.poses[[3, 1]])
    chosen = split.subset(split.occlusion > 0.6)
    assert chosen.ids == ("car/3", "car/4")
    assert chosen.subset([1]).ids == ("car/4",)
    assert len(split.subset([])) == 0
    assert split.subset([]).images().shape[0] == 0


def test_repeated_ids_are_rejected(tmp_path):
    with pytest.raises(ValueError, match="unique ids"):
        write_split(tmp_path / "a.parquet", [rows(1)[0], rows(1)[0]])
    assert not list(tmp_path.iterdir())


def test_damaged_files_are_named(tmp_path):
    path = tmp_path / "train.parquet"
    with pytest.raises(InputError, match="missing"):
        load_split(path)
    with pytest.raises(InputError, match="not a file or holds none"):
        load_split(tmp_path)
    write_split(path, rows())
    data = path.read_bytes()
    for size in (0, 100, len(data) - 20):
        path.write_bytes(data[:size])
        with pytest.raises(InputError, match="truncated"):
            load_split(path)
    broken = replace(rows(1)[0], image=rows(1)[0].image[:60])
    write_split(path, [broken])
    with pytest.raises(InputError, match=r"car/0.*truncated"):
        load_split(path).images()


def test_missing_columns_are_named(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"id": ["a"], "image": [b""]}), tmp_path / "a.parquet")
    with pytest.raises(InputError, match="lacks the columns class_name, azimuth"):
        load_split(tmp_path / "a.parquet")


def test_info_round_trip_and_damage(tmp_path):
    write_info(tmp_path, INFO)
    assert load_info(tmp_path) == INFO
    content = json.loads((tmp_path / "dataset.json").read_text())
    del content["focal"]
    (tmp_path / "dataset.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match="must hold exactly"):
        load_info(tmp_path)


@pytest.mark.parametrize("content", ['{"car": [[0, 1], [0, 1]]}', '{"car": [[0, 1], [0]]}', "[1]", '{"car": "x"}'])
def test_wrong_cuboids_are_rejected(tmp_path, content):
    (tmp_path / "cuboids.json").write_text(content)
    with pytest.raises(InputError, match=r"cuboids\.json"):
        load_cuboids(tmp_path)


def test_reading_starts_no_threads(tmp_path):
    """With torch loaded, pyarrow's pool threads can abort the process at exit."""
    write_split(tmp_path / "train.parquet", rows())
    code = (
        "import psutil, sys; from pathlib import Path; from meshcil.datasets.prepared import load_split\n"
        "process = psutil.Process(); before = process.num_threads()\n"
        "load_split(Path(sys.argv[1])).images(); sys.exit(process.num_threads() - before)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "train.parquet")], check=False)
    assert done.returncode == 0
