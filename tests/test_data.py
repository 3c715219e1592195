import gzip
import hashlib
import re
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mnist_lessons import data

# The four files of the original distribution, uncompressed; sizes and hashes as published.
CANONICAL = {
    ("train", "images"): "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    ("train", "labels"): "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    ("test", "images"): "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    ("test", "labels"): "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}


def idx(array: Any) -> Any:
    """Write an array as an IDX file: two zeros, type 8 (unsigned byte), the dimensions, the bytes."""
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def test_arrays_are_the_canonical_files() -> None:
    (images_train, labels_train), (images_test, labels_test) = data.load_mnist()
    arrays = {
        ("train", "images"): images_train,
        ("train", "labels"): labels_train,
        ("test", "images"): images_test,
        ("test", "labels"): labels_test,
    }
    assert {name: hashlib.sha256(idx(array)).hexdigest() for name, array in arrays.items()} == CANONICAL


def test_drop_in_for_keras(monkeypatch: pytest.MonkeyPatch) -> None:
    from keras.datasets import mnist

    # Keras's own reader, given our file where it would download one.
    monkeypatch.setitem(mnist.load_data.__globals__, "get_file", lambda *_, **__: str(data._STORED))
    for (x, y), (images, labels) in zip(mnist.load_data(), data.load_mnist(), strict=True):
        assert (images.dtype, labels.dtype) == (x.dtype, y.dtype)
        np.testing.assert_array_equal(images, x)
        np.testing.assert_array_equal(labels, y)


@pytest.mark.parametrize("damage", [lambda b: b[:-1], lambda b: b[:100] + bytes([b[100] ^ 1]) + b[101:], gzip.compress])
def test_a_damaged_file_is_refused_with_both_hashes(tmp_path: Path, damage: Any) -> None:
    content = damage(data._STORED.read_bytes())
    file = tmp_path / "mnist.npz"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=re.escape(str(file))) as caught:
        data.load_mnist(file)
    assert data._SHA256 in str(caught.value)
    assert hashlib.sha256(content).hexdigest() in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere\.npz.*" + data._SHA256):
        data.load_mnist(tmp_path / "nowhere.npz")


def test_splits_are_disjoint_stratified_and_seeded() -> None:
    splits = data.split_mnist()
    (all_images, all_labels), test = data.load_mnist()
    assert [len(labels) for _, labels in splits] == [50_000, 10_000, 10_000]
    np.testing.assert_array_equal(splits.test[0], test[0])
    # Disjoint and complete: together the two sets are the original one, image for image.
    together = np.concatenate([splits.train[0], splits.validation[0]]).reshape(60_000, -1)
    assert hashes(together) == hashes(all_images.reshape(60_000, -1))
    shares = np.bincount(splits.validation[1]) / 10_000
    np.testing.assert_allclose(shares, np.bincount(all_labels) / 60_000, atol=1e-4)
    np.testing.assert_array_equal(splits.validation[0], data.split_mnist().validation[0])
    assert (splits.validation[0] != data.split_mnist(seed=1).validation[0]).any()


def hashes(rows: Any) -> list[Any]:
    return sorted(hash(row.tobytes()) for row in rows)


def test_split_keeps_images_with_their_labels() -> None:
    labels = np.repeat(np.arange(10), 7)
    images = np.broadcast_to(labels[:, None, None], (70, 28, 28)).astype("uint8")
    for part_images, part_labels in data.split(images, labels, size=23, seed=3):
        np.testing.assert_array_equal(part_images[:, 0, 0], part_labels)


@pytest.mark.parametrize("size", [1, 10, 23, 69])
def test_split_gives_exactly_the_size_asked_for(size: int) -> None:
    labels = np.repeat(np.arange(10), 7)
    rest, part = data.split(labels, labels, size=size)
    assert (len(rest[1]), len(part[1])) == (70 - size, size)
    assert np.ptp(np.bincount(part[1], minlength=10)) <= 1


@pytest.mark.parametrize("size", [0, 70, -1])
def test_split_refuses_an_empty_part(size: int) -> None:
    labels = np.repeat(np.arange(10), 7)
    with pytest.raises(ValueError, match=f"size: expected 1 to 69, got {size}"):
        data.split(labels, labels, size=size)


def test_split_refuses_unequal_lengths() -> None:
    with pytest.raises(ValueError, match="images and labels: expected one length, got 3 and 4"):
        data.split(np.zeros((3, 28, 28), "uint8"), np.zeros(4, int), size=1)


def test_one_hot_has_its_one_in_the_label_s_column() -> None:
    labels = np.array([3, 0, 9], dtype="uint8")
    rows = data.one_hot(labels)
    assert (rows.shape, rows.dtype) == ((3, 10), np.dtype("float32"))
    np.testing.assert_array_equal(rows.argmax(axis=1), labels)
    np.testing.assert_array_equal(rows.sum(axis=1), 1)


IMAGES = np.zeros((2, 28, 28), "uint8")


@pytest.mark.parametrize(
    ("images", "got"),
    [
        (IMAGES[0], r"got shape \(28, 28\) and uint8"),
        (IMAGES.reshape(2, 784), r"got shape \(2, 784\) and uint8"),
        (IMAGES[..., None], r"got shape \(2, 28, 28, 1\) and uint8"),
        (IMAGES / 255, r"got shape \(2, 28, 28\) and float64"),
        (IMAGES.tolist(), "got list"),
    ],
)
def test_wrong_images_are_named_with_what_was_expected(images: np.ndarray, got: str) -> None:
    with pytest.raises(ValueError, match=r"pictures: expected an array of shape \(n, 28, 28\) and uint8, " + got):
        data.check_images(images, name="pictures")
    data.check_images(IMAGES)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (np.array([0, 10]), "labels: expected 0 to 9, got 0 to 10"),
        (np.array([-1, 3]), "labels: expected 0 to 9, got -1 to 3"),
        (np.array([0.0]), r"labels: expected an array of shape \(n,\) and integer, got shape \(1,\) and float64"),
        (np.eye(10, dtype=int), r"got shape \(10, 10\) and int64"),
    ],
)
def test_wrong_labels_are_named_with_what_was_expected(labels: np.ndarray, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        data.check_labels(labels)
    data.check_labels(np.arange(10))


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (np.full(10, 0.2), "sum to 1, got 2"),
        (np.full(10, np.nan), "finite"),
        (np.r_[-0.5, 1.5, np.zeros(8)], "from 0 to 1, got -0.5"),
        (np.zeros(9), r"expected an array of shape \(n, 10\)"),
        (np.zeros(10, int), "floating"),
    ],
)
def test_wrong_probabilities_are_named_with_what_was_expected(row: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        data.check_probabilities(row[None])
    data.check_probabilities(np.full((3, 10), 0.1, "float32"))


def test_doubted_labels_are_15_test_images_of_three_kinds() -> None:
    (_, _), (_, labels_test) = data.load_mnist()
    kinds = list(data.DOUBTED_LABELS.values())
    assert len(kinds) == 15
    assert max(data.DOUBTED_LABELS) < len(labels_test)
    assert [kinds.count(kind) for kind in ("another digit", "neither digit", "tied")] == [10, 3, 2]
