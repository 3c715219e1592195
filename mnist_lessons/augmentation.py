"""Move and turn digits, by given amounts or by amounts drawn by lot: images in, images out."""

import numpy as np
import numpy.typing as npt

from mnist_lessons.data import IMAGE_SHAPE, check_images

SIDE = IMAGE_SHAPE[0]
# Where MNIST's digits have their center of mass. The middle of the image is at 13.5: a digit turned about that
# moves a little, in a direction that gives away the angle.
CENTER = 14.0
# So few images at a time stay in the processor's cache, which makes turning them about twice as fast, and what is
# computed on the way takes no memory to speak of.
_AT_ONCE = 128


def augment(
    images: np.ndarray,
    *,
    generator: np.random.Generator,
    degrees: float = 0,
    pixels: int = 0,
    pivot: float = CENTER,
) -> npt.NDArray[np.uint8]:
    """Return the images, each turned and then moved, by amounts of its own drawn by lot.

    Taught in the chapter `augmentation`.

    Parameters
    ----------
    images
        (n, 28, 28) uint8, background 0.
    generator
        Draws the amounts, and is advanced by that: the next call draws others.
    degrees
        The greatest angle, 0 to 180; angles are uniform between minus and plus this.
    pixels
        The greatest shift; shifts down and to the right are uniform among the whole numbers from minus to plus this.
    pivot
        The point that stays in place in a turn, as in `rotate`.

    Returns
    -------
    array of shape (n, 28, 28), uint8
        New images; `images` stays as it is.

    Raises
    ------
    ValueError
        Images of another form, or a greatest amount that is negative, too large or not of its type.
    """
    check_images(images)
    if not 0 <= degrees <= 180:
        raise ValueError(f"degrees: expected a number from 0 to 180, got {degrees}")
    if not (isinstance(pixels, int | np.integer) and 0 <= pixels <= SIDE):
        raise ValueError(f"pixels: expected a whole number from 0 to {SIDE}, got {pixels}")
    count = len(images)
    angles = generator.uniform(-degrees, degrees, count)
    turned = rotate(images, degrees=angles, pivot=pivot) if degrees else images
    down, right = generator.integers(-pixels, pixels, (2, count), endpoint=True)
    return shift(turned, down=down, right=right)


def shift(images: np.ndarray, *, down: npt.ArrayLike = 0, right: npt.ArrayLike = 0) -> npt.NDArray[np.uint8]:
    """Return the images moved by whole pixels; what leaves is lost, what comes in is background.

    Parameters
    ----------
    images
        (n, 28, 28) uint8, background 0.
    down, right
        Pixels, negative for up and to the left: one whole number for all images, or (n,), one for each.

    Returns
    -------
    array of shape (n, 28, 28), uint8

    Raises
    ------
    ValueError
        Images of another form, or amounts that are not whole numbers, one or n.
    """
    check_images(images)
    starts = []
    for name, amount in (("down", down), ("right", right)):
        amounts = _one_each(name, amount, images=len(images), kind="whole number")
        starts.append(np.clip(-amounts.astype("int64"), -SIDE, SIDE))
    margin = max((int(np.abs(start).max()) for start in starts if start.size), default=0)
    top, left = margin + starts[0], margin + starts[1]
    moved = np.empty(images.shape, "uint8")
    for start in range(0, len(images), _AT_ONCE):
        piece = slice(start, start + _AT_ONCE)
        padded = np.pad(images[piece], ((0, 0), (margin, margin), (margin, margin)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, IMAGE_SHAPE, axis=(1, 2))
        moved[piece] = windows[np.arange(len(padded)), top[piece], left[piece]]
    return moved


def rotate(images: np.ndarray, *, degrees: npt.ArrayLike, pivot: float = CENTER) -> npt.NDArray[np.uint8]:
    """Return the images turned counter-clockwise, or clockwise where the angle is negative.

    Each pixel is read from where it comes from, between the four pixels around that place (bilinear
    interpolation), and rounded. What comes in at the corners is background.

    Parameters
    ----------
    images
        (n, 28, 28) uint8, background 0.
    degrees
        One angle for all images, or (n,), one for each.
    pivot
        Row and column of the point that stays in place, 0 to 27. By default that is 14, where MNIST's digits have
        their center of mass; 13.5 is the middle of the image.

    Returns
    -------
    array of shape (n, 28, 28), uint8

    Raises
    ------
    ValueError
        Images of another form, angles that are not finite numbers, one or n, or a pivot outside the image.
    """
    check_images(images)
    if not 0 <= pivot <= SIDE - 1:
        raise ValueError(f"pivot: expected a number from 0 to {SIDE - 1}, got {pivot}")
    angles = np.deg2rad(_one_each("degrees", degrees, images=len(images), kind="finite number"))
    turned = np.empty(images.shape, "uint8")
    for start in range(0, len(images), _AT_ONCE):
        piece = slice(start, start + _AT_ONCE)
        turned[piece] = _rotate(images[piece], angles[piece], np.float32(pivot))
    return turned


def _rotate(images: np.ndarray, angles: np.ndarray, pivot: np.float32) -> np.ndarray:
    """Turn images (n, 28, 28) uint8 by angles (n,) in radians; returns floats that are whole numbers."""
    wide = SIDE + 4  # a border of two, so that a place outside reads background and its neighbors exist
    padded = np.pad(images, ((0, 0), (2, 2), (2, 2))).ravel()
    sine, cosine = (wave(angles).astype("float32")[:, np.newaxis] for wave in (np.sin, np.cos))
    y, x = (axis.reshape(1, -1).astype("float32") - pivot for axis in np.indices(IMAGE_SHAPE))
    # From the new pixel back to its source, clockwise; rows count downwards. Then into the border's coordinates.
    row, column = (
        np.clip(source + (pivot + 2), 0, wide - 2) for source in (cosine * y + sine * x, cosine * x - sine * y)
    )
    top, left = row.astype("int32"), column.astype("int32")
    below, beside = row - top, column - left
    corner = top * wide + left + np.arange(len(images), dtype="int32")[:, np.newaxis] * wide**2
    upper, lower = (
        (1 - beside) * padded.take(corner + step) + beside * padded.take(corner + step + 1) for step in (0, wide)
    )
    return np.rint((1 - below) * upper + below * lower).reshape(images.shape)


def _one_each(name: str, amount: npt.ArrayLike, *, images: int, kind: str) -> np.ndarray:
    """Return amounts of shape (images,), or raise a ValueError."""
    amounts = np.asarray(amount)
    expected = f"{name}: expected one {kind} or {images}, one for each image"
    if amounts.shape not in ((), (images,)):
        raise ValueError(f"{expected}, got shape {amounts.shape}")
    wanted = np.integer if kind == "whole number" else np.number
    fits = np.issubdtype(amounts.dtype, wanted) and not np.issubdtype(amounts.dtype, np.complexfloating)
    if not fits or not np.isfinite(amounts).all():
        raise ValueError(f"{expected}, got {amount!r}")
    return np.broadcast_to(amounts, (images,))
