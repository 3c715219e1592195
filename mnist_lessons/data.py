"""MNIST, complete and offline: load it, split it, check arrays that claim to be like it."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

IMAGE_SHAPE = (28, 28)
CLASSES = 10
# Test images whose given label fewer than three of five reviewers shared, and what the reviewers preferred.
# Recomputed from the reviews published with Northcutt, Athalye and Mueller 2021 (arXiv 2103.14749).
DOUBTED_LABELS = {
    **dict.fromkeys((947, 1621, 1901, 2462, 2597, 3558, 5937, 6651, 6783, 9729), "another digit"),
    **dict.fromkeys((2654, 3520, 9679), "neither digit"),
    **dict.fromkeys((2130, 8527), "tied"),
}

_STORED = Path(__file__).parent / "stored" / "mnist.npz"
_SHA256 = "88eaf78b3cf8a302b5c253212171853934f34bb083759fe893a3554a84c56f0a"

Split = tuple[np.ndarray, np.ndarray]


class Splits(NamedTuple):
    """Three disjoint sets, each a pair of images (n, 28, 28) uint8 and labels (n,) uint8."""

    train: Split
    validation: Split
    test: Split


def load_mnist(path: str | Path | None = None) -> tuple[Split, Split]:
    """Return the 60,000 training and 10,000 test digits of MNIST.

    A drop-in for ``keras.datasets.mnist.load_data()`` that downloads nothing.

    Parameters
    ----------
    path
        Another copy of the package's ``mnist.npz``; by default the one inside the package.

    Returns
    -------
    (images_train, labels_train), (images_test, labels_test)
        Images of shape (n, 28, 28), dtype uint8, 0 (background) to 255 (ink);
        labels of shape (n,), dtype uint8, 0 to 9.

    Raises
    ------
    FileNotFoundError
        The file is not there.
    ValueError
        The file is not byte for byte the one that the package ships.
    """
    file = _STORED if path is None else Path(path)
    expected = f"expected the MNIST archive with SHA-256 {_SHA256}"
    if not file.is_file():
        raise FileNotFoundError(f"{file}: no such file; {expected}")
    found = hashlib.sha256(file.read_bytes()).hexdigest()
    if found != _SHA256:
        raise ValueError(f"{file}: {expected}, found {found}; reinstall mnist_lessons")
    with np.load(file, allow_pickle=False) as arrays:
        return (arrays["x_train"], arrays["y_train"]), (arrays["x_test"], arrays["y_test"])


def split_mnist(*, validation_size: int = 10_000, seed: int = 0) -> Splits:
    """Return MNIST as training, validation and test sets: 50,000 / 10,000 / 10,000 by default.

    The validation set is taken from the original training set by `split`; the test set is MNIST's own.
    """
    (images, labels), test = load_mnist()
    train, validation = split(images, labels, size=validation_size, seed=seed)
    return Splits(train, validation, test)


def split(images: np.ndarray, labels: np.ndarray, *, size: int, seed: int = 0) -> tuple[Split, Split]:
    """Set `size` examples apart, each digit in proportion to its frequency (stratified).

    Parameters
    ----------
    images, labels
        Arrays of one length n; labels are integers 0 to 9.
    size
        How many examples the second set gets, 1 to n - 1.
    seed
        Seed of the random choice; the same seed gives the same sets.

    Returns
    -------
    (images, labels), (images, labels)
        The rest and the part set apart, both in the order in which they came.

    Raises
    ------
    ValueError
        Lengths differ, labels are not digits, or `size` is out of range.
    """
    check_labels(labels)
    if len(images) != len(labels):
        raise ValueError(f"images and labels: expected one length, got {len(images)} and {len(labels)}")
    if not 0 < size < len(labels):
        raise ValueError(f"size: expected 1 to {len(labels) - 1}, got {size}")
    generator = np.random.default_rng(seed)
    chosen = np.zeros(len(labels), dtype=bool)
    for digit, count in enumerate(_shares(np.bincount(labels, minlength=CLASSES), size)):
        chosen[generator.choice(np.flatnonzero(labels == digit), count, replace=False)] = True
    return (images[~chosen], labels[~chosen]), (images[chosen], labels[chosen])


def _shares(counts: np.ndarray, size: int) -> np.ndarray:
    """Divide `size` in proportion to `counts` in whole numbers (method of largest remainders)."""
    exact = counts * (size / counts.sum())
    shares: np.ndarray = np.floor(exact).astype(int)
    short = size - shares.sum()
    shares[np.argsort(shares - exact, kind="stable")[:short]] += 1
    return shares


def one_hot(labels: np.ndarray, *, classes: int = CLASSES) -> np.ndarray:
    """Return labels (n,) as rows of shape (n, classes), float32: 1 in the label's column, 0 elsewhere."""
    check_labels(labels, classes=classes)
    rows: np.ndarray = np.eye(classes, dtype="float32")[labels]
    return rows


def check_images(images: np.ndarray, *, name: str = "images") -> None:
    """Raise a ValueError unless `images` is (n, 28, 28), uint8."""
    _check(name, images, shape=("n", *IMAGE_SHAPE), dtype=np.uint8)


def check_labels(labels: np.ndarray, *, classes: int = CLASSES, name: str = "labels") -> None:
    """Raise a ValueError unless `labels` is (n,), of an integer dtype, each 0 to classes - 1."""
    _check(name, labels, shape=("n",), dtype=np.integer)
    if labels.size and (labels.min() < 0 or labels.max() >= classes):
        raise ValueError(f"{name}: expected 0 to {classes - 1}, got {labels.min()} to {labels.max()}")


def check_probabilities(probabilities: np.ndarray, *, name: str = "probabilities") -> None:
    """Raise a ValueError unless `probabilities` is (n, 10), floating, each row a distribution."""
    _check(name, probabilities, shape=("n", CLASSES), dtype=np.floating)
    if not np.isfinite(probabilities).all() or (probabilities < 0).any():
        raise ValueError(f"{name}: expected finite numbers from 0 to 1, got {probabilities.min()} or NaN")
    sums = probabilities.sum(axis=1, dtype="float64")
    if sums.size and np.abs(sums - 1).max() > 1e-3:
        raise ValueError(f"{name}: expected rows that sum to 1, got {sums.min():.4g} to {sums.max():.4g}")


def _check(name: str, array: np.ndarray, *, shape: Sequence[int | str], dtype: type) -> None:
    expected = (
        f"expected an array of shape ({', '.join(map(str, shape))}{',' * (len(shape) == 1)}) and {dtype.__name__}"
    )
    if not isinstance(array, np.ndarray):
        raise ValueError(f"{name}: {expected}, got {type(array).__name__}")
    fits = len(array.shape) == len(shape) and all(
        want == "n" or want == got for want, got in zip(shape, array.shape, strict=True)
    )
    if not fits or not np.issubdtype(array.dtype, dtype):
        raise ValueError(f"{name}: {expected}, got shape {array.shape} and {array.dtype}")
