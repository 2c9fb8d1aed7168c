"""Every reader on a tiny archive in its real layout."""

import math
import os
import pickle
import shutil

import numpy as np
import pytest

from meshcil.core.errors import InputError
from meshcil.datasets.borders import border_texture, texture_files
from meshcil.datasets.preparation import Frame, list_unique, make_reader, prepare_sample
from meshcil.datasets.voc2007 import list_images
from meshcil.datasets.windows import fit_image
from tests.datasets import archives

FRAME = Frame((64, 80), 300.0)


def reader(root, layout, classes=("boat", "bus"), **options):
    return make_reader(root, classes, {"layout": layout, **options}, options.pop("main", "pascal3d"))


def prepared(root, layout, split="train", frame=FRAME, **options):
    source = reader(root, layout, **options)
    samples, _ = list_unique(source, split, skip=True)
    return {s.id: prepare_sample(s, reader=source, frame=frame, partition=split) for s in samples}


def test_every_oddity_of_a_pascal3d_file_is_prepared(tmp_path):
    rows = prepared(archives.pascal3d(tmp_path), "pascal3d")
    assert len(rows) == 14
    fine, coarse = rows["boat/fine"], rows["boat/coarse"]
    assert (fine.azimuth, fine.elevation) == pytest.approx((math.radians(30), math.radians(20)))
    assert (coarse.azimuth, coarse.elevation, coarse.theta) == pytest.approx((math.radians(45), math.radians(15), 0))
    assert rows["boat/tuples"].azimuth == pytest.approx(math.radians(55))
    assert rows["boat/two"].azimuth == pytest.approx(math.radians(30))
    # distance 6 of 5: 80 x 60 becomes 96 x 72, the principal point (40, 30) becomes (48, 36), and 64 x 80 fits in it.
    assert fine.padding == (0, 0, 0, 0)
    # distance 1.5: 24 x 18 pixels, principal point (12, 9) in the middle of 80 x 64.
    assert rows["boat/far"].padding == (23, 23, 28, 28)
    # No distance: the box's shorter side, 30, becomes 0.35 of 64 pixels.
    assert rows["boat/zero-distance"].padding == rows["boat/no-distance"].padding != (0, 0, 0, 0)


def test_padding_does_not_pass_from_image_to_image(tmp_path):
    """NOVUM's script lets an image without padding inherit that of the image before it."""
    source = reader(archives.pascal3d(tmp_path), "pascal3d")
    samples = {s.id: s for s in source.samples("train")}
    both = [
        prepare_sample(samples[f"boat/{k}"], reader=source, frame=FRAME, partition="train") for k in ("far", "fine")
    ]
    assert any(both[0].padding) and not any(both[1].padding)


def test_occluded_copies(tmp_path):
    archives.pascal3d(tmp_path / "pascal3d")
    archives.occluded(tmp_path / "occluded-pascal3d")
    rows = prepared(tmp_path, "occluded-pascal3d", "test", level=2)
    assert len(rows) == 6 and rows["boat/val1"].azimuth == pytest.approx(math.radians(40))
    assert 0.4 < rows["boat/val1"].occlusion < 0.6
    assert rows["boat/val1"].mask is not None


def test_ood_cv_takes_the_listed_object(tmp_path):
    rows = prepared(archives.ood_cv(tmp_path), "ood-cv", "test", nuisance="pose")
    assert sorted(rows) == ["boat/ood0", "boat/ood1_01"]
    assert rows["boat/ood1_01"].azimuth == pytest.approx(math.radians(90))
    assert list(prepared(tmp_path, "ood-cv", "test", nuisance="iid")) == ["boat/iid"]


def test_objectnet3d_takes_object_0_of_the_class_with_its_own_viewport(tmp_path):
    source = reader(archives.objectnet3d(tmp_path), "objectnet3d")
    samples = {s.id: s for s in source.samples("train")}
    raw = source.read(samples["boat/boat0"])
    assert raw.annotation.focal == 2000.0
    with pytest.raises(InputError, match="has the class 'car'"):
        source.read(samples["boat/boat-other"])
    with pytest.raises(InputError, match="no positive distance"):
        source.read(samples["boat/boat-far"])
    assert source.models("boat") == tmp_path / "CAD/off/boat"
    assert source.known_classes() == ["boat", "bus"]


def test_cifar100_images_and_names(tmp_path):
    source = reader(archives.cifar100(tmp_path), "cifar100", ("bear", "apple"))
    samples = source.samples("train")
    assert [s.class_name for s in samples] == ["bear"] * 4 + ["apple"] * 4
    pixels = source.read(samples[0]).pixels
    assert pixels.shape == (32, 32, 3) and pixels.dtype == np.uint8
    assert pixels[..., 0].mean() < source.read(samples[-1]).pixels[..., 0].mean()
    with pytest.raises(InputError, match="has no image of whale"):
        reader(tmp_path, "cifar100", ("whale",)).samples("train")


def test_a_cifar_file_cannot_run_code(tmp_path):
    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "trapped"),)

    archives.cifar100(tmp_path / "c")
    (tmp_path / "c/cifar-100-python/train").write_bytes(pickle.dumps({"data": Trap()}))
    with pytest.raises(InputError, match="which no CIFAR file does"):
        reader(tmp_path / "c", "cifar100", ("apple",)).samples("train")
    assert not (tmp_path / "trapped").exists()


@pytest.mark.parametrize("damage", [b"", b"not a pickle", pickle.dumps([1, 2])], ids=["empty", "text", "list"])
def test_damaged_cifar_files_are_named(tmp_path, damage):
    archives.cifar100(tmp_path)
    (tmp_path / "cifar-100-python/test").write_bytes(damage)
    with pytest.raises(InputError, match="cifar-100-python"):
        reader(tmp_path, "cifar100", ("apple",)).samples("test")
    (tmp_path / "cifar-100-python/test").unlink()
    with pytest.raises(InputError, match="is missing"):
        reader(tmp_path, "cifar100", ("apple",)).samples("test")


def test_mnist_images_are_grey_in_three_channels(tmp_path):
    source = reader(archives.mnist(tmp_path), "mnist", ("one", "zero"))
    samples = source.samples("test")
    pixels = source.read(samples[0]).pixels
    assert [s.class_name for s in samples] == ["one"] * 3 + ["zero"] * 3
    assert pixels.shape == (28, 28, 3) and pixels[10, 15].tolist() == [255, 255, 255]
    file = tmp_path / "MNIST/raw/train-images-idx3-ubyte"
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(InputError, match="damaged IDX"):
        reader(tmp_path, "mnist", ("one",)).samples("train")


def test_clothes_are_read_from_packed_files_in_the_root(tmp_path):
    source = reader(archives.fashion_mnist(tmp_path), "fashion_mnist", ("ankle-boot", "t-shirt"))
    samples = source.samples("train")
    assert [s.id for s in samples[::3]] == ["ankle-boot/00027", "t-shirt/00000"]
    assert source.read(samples[0]).pixels[10, 15].tolist() == [215] * 3
    assert all(path.suffix == ".gz" and path.is_file() for path in source.files()) and len(source.known_classes()) == 10


def test_as_many_images_of_a_class_as_asked_for_are_taken_in_order(tmp_path):
    archives.fashion_mnist(tmp_path)
    whole = make_reader(tmp_path, ("bag", "coat"), {"layout": "fashion_mnist"}, "fashion_mnist")
    some = make_reader(tmp_path, ("bag", "coat"), {"layout": "fashion_mnist", "per_class": 2}, "fashion_mnist")
    assert len(list_unique(whole, "train", False)[0]) == 6
    chosen, repeated = list_unique(some, "clean", False)
    assert [sample.id for sample in chosen] == ["bag/00024", "bag/00025", "coat/00012", "coat/00013"] and not repeated


def test_voc_boxes_are_cut_out_and_difficult_ones_left_out(tmp_path):
    source = reader(archives.voc2007(tmp_path), "voc2007")
    samples = source.samples("train")
    assert [s.class_name for s in samples] == ["boat"] * 4 + ["bus"] * 2
    assert source.read(samples[0]).pixels.shape == (30, 20, 3)
    images = list_images(tmp_path, "trainval")
    assert images[1].boxes.tolist() == [[20, 15, 40, 45], [40, 15, 60, 45]]
    assert images[1].difficult.tolist() == [False, True] and images[1].size == (60, 80)
    with pytest.raises(InputError, match=r"val\.txt"):
        list_images(tmp_path, "val")


@pytest.mark.parametrize(
    ("before", "after", "cause"),
    [
        ("<xmax>40", "<xmax>20", "empty box"),
        ("<width>80</width><height>60", "<width>60</width><height>80", "swapped"),
        ("</annotation>", "", "cannot be read"),
        ("<xmin>21", "<xmin>left", "cannot be read"),
    ],
)
def test_damaged_voc_annotations_are_named(tmp_path, before, after, cause):
    source = reader(archives.voc2007(tmp_path), "voc2007")
    sample = source.samples("train")[0]
    text = sample.annotation.read_text()
    assert before in text
    sample.annotation.write_text(text.replace(before, after))
    with pytest.raises(InputError, match=cause):
        source.read(sample)


def test_class_folders_read_only_the_classes_asked_for(tmp_path):
    source = reader(archives.class_folders(tmp_path), "class-folders", ("n02", "n01"))
    samples = source.samples("test")
    assert [s.id for s in samples] == [f"{c}/{c}_{k}" for c in ("n02", "n01") for k in range(3)]
    assert source.files() == [tmp_path / split / c for split in ("train", "val") for c in ("n02", "n01")]
    row = prepare_sample(samples[0], reader=source, frame=Frame((32, 32), crop=0.875), partition="test")
    assert math.isnan(row.azimuth) and row.padding == (0, 0, 0, 0)


def test_images_without_a_pose_are_covered_and_cut_around_the_middle():
    image = np.zeros((50, 100, 3), np.uint8)
    image[:, 25:75] = 255
    assert fit_image(image, (50, 50), 1.0).min() == 255
    assert fit_image(image, (50, 100), 1.0) is image
    assert fit_image(image, (25, 25), 0.5).shape == (25, 25, 3)


def test_ones_own_folder_with_and_without_poses(tmp_path):
    root = archives.folder(tmp_path / "données")
    rows = prepared(root, "folder", classes=("crâne", "bus"))
    assert len(rows) == 6 and rows["crâne/Bilder/crâne train ü1"].azimuth == pytest.approx(math.radians(40))
    shutil.rmtree(root)
    archives.folder(tmp_path / "flat", poses=False)
    flat = prepared(tmp_path / "flat", "folder", classes=("crâne",), frame=Frame((32, 32)))
    assert all(math.isnan(row.azimuth) for row in flat.values())
    with pytest.raises(InputError, match="has no pose"):
        prepared(tmp_path / "flat", "folder", classes=("crâne",))


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (lambda text: text.replace(",5,40,30,300", ",,40,30,300"), "without distance"),
        (lambda text: text.replace(",5,40,30,300", ",0,40,30,300"), "positive distance"),
        (lambda text: text.replace(",5,40,30,300", ",five,40,30,300"), "not a number"),
        (lambda text: text.replace(",train,", ",training,"), "train or test"),
        (lambda text: text.replace("image,class", "file,class"), "lacks the columns image"),
        (lambda text: "", "lists no images"),
        (lambda text: text.replace("Bilder/", "../Bilder/"), "leads out of the dataset"),
    ],
)
def test_mistakes_in_the_table_name_the_line(tmp_path, change, cause):
    root = archives.folder(tmp_path / "own", ("boat", "bus"))
    table = root / "annotations.csv"
    table.write_text(change(table.read_text(encoding="utf-8")), encoding="utf-8")
    shutil.copytree(root / "Bilder", tmp_path / "Bilder")
    with pytest.raises(InputError, match=cause):
        prepared(root, "folder")


def test_links_are_followed_inside_the_tree_only(tmp_path):
    root = archives.pascal3d(tmp_path / "tree")
    folder = root / "Images/boat_imagenet"
    outside = tmp_path / "outside.JPEG"
    shutil.copy(folder / "fine.JPEG", outside)
    (folder / "coarse.JPEG").unlink()
    (folder / "coarse.JPEG").symlink_to("fine.JPEG")
    assert len(prepared(root, "pascal3d")) == 14
    (folder / "two.JPEG").unlink()
    (folder / "two.JPEG").symlink_to(outside)
    with pytest.raises(InputError, match="leads out of the dataset"):
        prepared(root, "pascal3d")
    (folder / "two.JPEG").unlink()
    shutil.copy(outside, folder / "two.JPEG")
    (tmp_path / "link").symlink_to(root)
    assert len(prepared(tmp_path / "link", "pascal3d")) == 14


def test_an_annotation_of_the_image_on_its_side_is_refused(tmp_path):
    root = archives.pascal3d(tmp_path)
    archives.record(root / "Annotations/boat_imagenet/fine.mat", archives.entry("boat"), size=(60, 80))
    with pytest.raises(InputError, match="width and height are swapped") as caught:
        prepared(root, "pascal3d")
    assert caught.value.where.endswith("fine.mat")


def test_repeated_ids(tmp_path):
    root = archives.pascal3d(tmp_path)
    archives.lines(root / "Image_sets/boat_imagenet_train.txt", ["fine", "far", "fine"])
    source = reader(root, "pascal3d", ("boat",))
    with pytest.raises(InputError, match="repeats the id boat/fine"):
        list_unique(source, "train", skip=False)
    kept, repeated = list_unique(source, "train", skip=True)
    assert [s.id for s in kept] == ["boat/fine", "boat/far"] and len(repeated) == 1


def test_border_textures_follow_from_the_id_and_never_cross_over(tmp_path):
    root = archives.dtd(tmp_path)
    train, test = (set(texture_files(root, name)) for name in ("train", "test"))
    assert len(train) == len(test) == 2 and not train & test
    size = (8, 10)
    drawn = {name: [border_texture(root, name, f"boat/{k}", size) for k in range(20)] for name in ("train", "test")}
    again = border_texture(root, "train", "boat/3", size)
    assert np.array_equal(again, drawn["train"][3]) and again.shape == (8, 10, 3)
    colours = {name: {tuple(t[0, 0].tolist()) for t in textures} for name, textures in drawn.items()}
    assert len(colours["train"]) == 2 and not colours["train"] & colours["test"]
    archives.lines(root / "labels/test1.txt", ["banded/a.jpg"])
    texture_files.cache_clear()
    with pytest.raises(InputError, match="for both training and test"):
        texture_files(root, "train")


def test_borders_are_filled_with_describable_textures(tmp_path):
    root = archives.pascal3d(tmp_path / "p")
    frame = Frame((64, 80), 300.0, textures=archives.dtd(tmp_path / "dtd"))
    with_dtd = prepared(root, "pascal3d", frame=frame)
    embedded = prepared(root, "pascal3d")
    changed = {name for name, row in with_dtd.items() if row.image != embedded[name].image}
    assert changed == {name for name, row in embedded.items() if any(row.padding)}
