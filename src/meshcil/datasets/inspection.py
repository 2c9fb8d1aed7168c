"""What is wrong with raw files, before anything is prepared: every image is opened, nothing is written."""

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from meshcil.core.errors import InputError
from meshcil.core.hashing import sha256_bytes, sha256_file
from meshcil.core.processes import mapper
from meshcil.datasets.base import RawSample, Reader, Source, counted
from meshcil.datasets.cad import pooled_vertices
from meshcil.datasets.preparation import Frame, list_unique, place, prepare_sample

ESTIMATED = 8
"""Images of each split that are prepared to estimate the size of the whole."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong."""

    split: str  # where; empty when it concerns the whole dataset
    # "listing", "image", "duplicate", "in both splits", "left out", "class name", "size", "digest", "count", "link" or
    # "CAD model"
    kind: str
    where: str  # file or folder
    cause: str  # what is wrong with it
    unusable: bool  # whether the image cannot be prepared, or without an image the dataset


@dataclass(frozen=True)
class Inspection:
    """What was found."""

    counts: Mapping[str, Mapping[str, int]]  # usable images by split, then class
    problems: tuple[Problem, ...]  # in the order of the splits
    bytes: int  # about what the prepared copy takes on disk

    def usable(self, *, skip: bool) -> bool:
        """Whether the dataset can be prepared; with ``skip`` images that cannot be used stop nothing."""
        images = ("image", "duplicate")
        blocking = [p for p in self.problems if p.unusable and not (skip and p.kind in images)]
        return not blocking and all(all(classes.values()) for classes in self.counts.values())


def inspect_dataset(
    readers: Mapping[str, Reader],
    frame: Frame,
    *,
    expected: Mapping[str, int] | None = None,
    digests: Mapping[Path, str] | None = None,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Inspection:
    """Open every image and annotation of a dataset: its readers by split, "train" and the test sets.

    ``expected`` images per split and ``digests`` (sha256 by file) are those of the published release, where known.
    """
    problems: list[Problem] = []
    listed: dict[str, list[RawSample]] = {}
    for split, reader in readers.items():
        listed[split], found = _list(split, reader)
        problems += found
    if frame.focal is not None and "train" in readers:
        problems += _check_models(readers["train"])
    problems += _check_links(readers, frame)
    total, done, size = sum(map(len, listed.values())), 0, 0.0
    counts: dict[str, dict[str, int]] = {}
    trained: dict[str, str] = {}
    for split, samples in listed.items():
        look = partial(examine, reader=readers[split], frame=frame, split=split)
        with mapper(workers if len(samples) > workers else 1, chunk=32) as each:
            results = list(counted(each(look, samples), total, progress, done))
        found = [problem for problems, _ in results for problem in problems]
        good = [s for s, (own, _) in zip(samples, results, strict=True) if not any(p.unusable for p in own)]
        digests_found = [digest for _, digest in results]
        problems += [*found, *_in_both(split, samples, digests_found, trained), *_left_out(split, readers[split])]
        done += len(samples)
        classes = readers[split].source.classes
        # The out-of-distribution sets leave classes out; a class that a list names must have an image.
        named = {s.class_name for s in samples} if split != "train" else set(classes)
        counts[split] = {name: Counter(s.class_name for s in good)[name] for name in classes if name in named}
        size += _estimate(readers[split], frame, good)
        if expected and split in expected and expected[split] != len(samples):
            cause = f"{len(samples)} images are listed, the release has {expected[split]}"
            problems.append(Problem(split, "count", str(readers[split].source.root), cause, False))
    return Inspection(counts, (*problems, *_check_digests(digests or {})), round(size))


def _list(split: str, reader: Reader) -> tuple[list[RawSample], list[Problem]]:
    """Samples of a split; when it cannot be listed, those of the classes that can."""
    try:
        samples, repeated = list_unique(reader, split, skip=True)
    except InputError as error:
        return _list_by_class(split, reader, error)
    return samples, [Problem(split, "duplicate", str(s.image), f"{s.id} is listed twice", True) for s, _ in repeated]


def _list_by_class(split: str, reader: Reader, first: InputError) -> tuple[list[RawSample], list[Problem]]:
    samples, problems = [], []
    source = reader.source
    for name in source.classes:
        one = type(reader)(Source(source.root, (name,), source.main, source.options))
        try:
            samples += list_unique(one, split, skip=True)[0]
        except InputError as error:
            problems.append(Problem(split, "listing", error.where, error.cause + _similar(reader, name), True))
    # What is wrong with the folder is found again for every class.
    problems = list({(problem.where, problem.cause): problem for problem in problems}.values())
    return samples, problems or [Problem(split, "listing", first.where, first.cause, True)]


def _similar(reader: Reader, name: str) -> str:
    """A hint where the folder has the class under another spelling."""
    try:
        known = reader.known_classes()
    except InputError:
        return ""
    near = [other for other in known if other != name and _plain(other) == _plain(name)]
    return f"; the folder has '{near[0]}': names count letter by letter" if near else ""


def _plain(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "").replace(" ", "")


def _check_models(reader: Reader) -> list[Problem]:
    problems = []
    for name in reader.source.classes:
        try:
            pooled_vertices(reader.models(name))
        except InputError as error:
            problems.append(Problem("", "CAD model", error.where, error.cause, True))
    return problems


def _left_out(split: str, reader: Reader) -> list[Problem]:
    try:
        paths = reader.left_out(split)
    except InputError:
        return []
    return [Problem(split, "left out", str(path), "is not recognised as an image", False) for path in paths]


def _check_links(readers: Mapping[str, Reader], frame: Frame) -> list[Problem]:
    """Folders that are links out of the dataset: the digest of its files would not cover what lies behind them."""
    read = {path: reader.source.root for reader in readers.values() for path in reader.files()}
    if frame.textures is not None:
        read[frame.textures] = frame.textures
    problems = []
    for path, root in read.items():
        for folder, names, _ in os.walk(path):
            for link in (Path(folder, name) for name in sorted(names)):
                to = link.resolve() if link.is_symlink() else None
                if to is not None and not to.is_relative_to(root.resolve()):
                    problems.append(Problem("", "link", str(link), f"leads out of the dataset, to {to}", True))
                elif to is not None and link.absolute().is_relative_to(to):
                    problems.append(Problem("", "link", str(link), "leads back to a folder that contains it", True))
    return problems


def examine(sample: RawSample, *, reader: Reader, frame: Frame, split: str) -> tuple[list[Problem], str]:
    """Problems of one image, and the digest of its pixels; empty when it cannot be used."""
    try:
        raw = reader.read(sample)
        place(sample, raw, frame)
    except InputError as error:
        return [Problem(split, "image", error.where, error.cause, True)], ""
    where = str(sample.annotation or sample.image)
    digest = sha256_bytes(raw.pixels.tobytes())
    if raw.annotation is None:
        return [], digest
    problems = []
    stated, (height, width) = raw.annotation.stated_size, raw.pixels.shape[:2]
    if stated is not None and stated != (width, height):
        cause = f"states {stated[0]} x {stated[1]} pixels, the image has {width} x {height}"
        problems.append(Problem(split, "size", where, cause, False))
    name = raw.annotation.class_name
    if name and name != sample.class_name:
        cause = f"states class '{name}', the list '{sample.class_name}'"
        problems.append(Problem(split, "class name", where, cause, False))
    return problems, digest


def _in_both(
    split: str, samples: Sequence[RawSample], digests: Sequence[str], trained: dict[str, str]
) -> list[Problem]:
    """Test images whose pixels are those of a training image; of the training images, what they are is kept."""
    if split == "train":
        trained |= {digest: sample.id for sample, digest in zip(samples, digests, strict=True) if digest}
        return []
    pairs = [(sample, trained[digest]) for sample, digest in zip(samples, digests, strict=True) if digest in trained]
    return [
        Problem(split, "in both splits", str(sample.image), f"has the same pixels as the training image {other}", False)
        for sample, other in pairs
    ]


def _estimate(reader: Reader, frame: Frame, samples: Sequence[RawSample]) -> float:
    """Bytes of a prepared split, from a few of its images."""
    few = samples[:: max(len(samples) // ESTIMATED, 1)][:ESTIMATED]
    embedded = replace(frame, textures=None)
    sizes = []
    for sample in few:
        row = prepare_sample(sample, reader=reader, frame=embedded, partition="train")
        sizes.append(len(row.image) + len(row.mask or b"") + len(row.occluder_mask or b""))
    return len(samples) * sum(sizes) / len(sizes) if sizes else 0.0


def _check_digests(digests: Mapping[Path, str]) -> list[Problem]:
    found = []
    for path, wanted in digests.items():
        if path.is_file() and sha256_file(path) != wanted:
            cause = f"is not the published file: its sha256 does not begin with {wanted[:12]}"
            found.append(Problem("", "digest", str(path), cause, False))
    return found
