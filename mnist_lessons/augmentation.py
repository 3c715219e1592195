"""Changed digits: shifted, rotated and warped, by given or random amounts, and with noise.

Levels of noise are shares of the full scale: at level 0.5, the noise added to a pixel has a standard deviation of half
of 255.
"""

import functools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mnist_lessons.data import IMAGE_SHAPE, check_images

if TYPE_CHECKING:
    import keras

SIDE = IMAGE_SHAPE[0]
# Where MNIST's digits have their center of mass. The middle of the image is at 13.5: a digit turned about that
# moves a little, in a direction that gives away the angle.
CENTER = 14.0
# Batches this small stay in the processor's cache, which makes rotation about twice as fast and keeps memory low.
_BATCH_SIZE = 128


def augment(
    images: np.ndarray,
    *,
    generator: np.random.Generator,
    degrees: float = 0,
    pixels: int = 0,
    pivot: float = CENTER,
) -> npt.NDArray[np.uint8]:
    """Return each image rotated and then shifted by random amounts of its own.

    Taught in the chapter `augmentation`.

    Parameters
    ----------
    images
        (n, 28, 28) uint8, background 0.
    generator
        Draws the amounts; the next call with the same generator draws others.
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
    for batch in _batches(len(images)):
        padded = np.pad(images[batch], ((0, 0), (margin, margin), (margin, margin)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, IMAGE_SHAPE, axis=(1, 2))
        moved[batch] = windows[np.arange(len(padded)), top[batch], left[batch]]
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
    for batch in _batches(len(images)):
        turned[batch] = _rotate(images[batch], angles[batch], np.float32(pivot))
    return turned


def random_warp(images: Any, *, degrees: float = 10, percent: float = 10, pixels: float = 1) -> Any:
    """Return a random affine warp of each image: rotated, stretched, slanted and shifted, within TensorFlow.

    Parameters
    ----------
    images
        A tensor (n, 28, 28), uint8.
    degrees
        The greatest angle, either way.
    percent
        The greatest stretch or squeeze of width and height, and the greatest slant of the upright.
    pixels
        The greatest shift in either direction.

    Returns
    -------
    tensor (n, 28, 28), uint8
        Between pixels, brightness is interpolated; what comes in is background.
    """
    import keras
    import tensorflow as tf

    def draw(limit: float) -> Any:
        return tf.random.uniform(tf.shape(images)[:1], -limit, limit)

    angle, slant = draw(np.radians(degrees)), draw(percent / 100)
    width, height = tf.exp(draw(percent / 100)), tf.exp(draw(percent / 100))
    sine, cosine = tf.sin(angle), tf.cos(angle)
    # From a place in the new image, relative to the middle, to the place in the old one that it is read from.
    across = cosine * width, (slant * cosine - sine) * height
    down = sine * width, (slant * sine + cosine) * height
    middle = (SIDE - 1) / 2
    rows = [(x, y, middle * (1 - x - y) + draw(pixels)) for x, y in (across, down)]
    matrix = tf.stack([*rows[0], *rows[1], tf.zeros_like(slant), tf.zeros_like(slant)], axis=1)
    return keras.ops.image.affine_transform(images[..., tf.newaxis], matrix)[..., 0]


def gaussian_noise(images: np.ndarray, level: float, *, seed: int) -> np.ndarray:
    """Return images with normally distributed noise on every pixel, rounded and clipped to the scale.

    Taught in the chapter `autoencoder`.

    Parameters
    ----------
    images
        (n, 28, 28) uint8.
    level
        Standard deviation of the noise as a share of 255, not negative.
    seed
        Seed of the noise; the first images get the same noise however many there are.

    Returns
    -------
    noisy
        (n, 28, 28) uint8.

    Raises
    ------
    ValueError
        Images of another form, or a negative level.
    """
    check_images(images)
    if not level >= 0:
        raise ValueError(f"level: expected a number that is not negative, got {level}")
    generator = np.random.default_rng(seed)
    noisy = np.empty_like(images)
    for batch in _batches(len(images)):
        clean = images[batch]
        pixels = clean + 255 * level * generator.standard_normal(clean.shape, "float32")
        noisy[batch] = np.rint(np.clip(pixels, 0, 255))
    return noisy


def salt_and_pepper(images: np.ndarray, share: float, *, seed: int) -> np.ndarray:
    """Return images with a random share of the pixels set to 0 or 255, with equal probability.

    Parameters
    ----------
    images
        (n, 28, 28) uint8.
    share
        Probability that a pixel is replaced, 0 to 1.
    seed
        Seed of the noise; the first images get the same noise however many there are.

    Returns
    -------
    noisy
        (n, 28, 28) uint8.

    Raises
    ------
    ValueError
        Images of another form, or a share that is not between 0 and 1.
    """
    check_images(images)
    if not 0 <= share <= 1:
        raise ValueError(f"share: expected a number from 0 to 1, got {share}")
    generator = np.random.default_rng(seed)
    noisy = images.copy()
    for batch in _batches(len(images)):
        pixels = noisy[batch]
        drawn = generator.random(pixels.shape, "float32")
        pixels[drawn < share] = 255
        pixels[drawn < share / 2] = 0
    return noisy


def strike_through(images: np.ndarray, thickness: int, *, seed: int) -> np.ndarray:
    """Return images with a horizontal bar of full ink across each, at a random height.

    Parameters
    ----------
    images
        (n, 28, 28) uint8.
    thickness
        How many rows of pixels the bar covers, 0 to 20; it lies where digits are, within rows 4 to 23.
    seed
        Seed of the heights.

    Returns
    -------
    struck
        (n, 28, 28) uint8.

    Raises
    ------
    ValueError
        Images of another form, or a thickness that is out of range.
    """
    check_images(images)
    if not 0 <= thickness <= 20:
        raise ValueError(f"thickness: expected 0 to 20 rows, got {thickness}")
    tops = np.random.default_rng(seed).integers(4, 25 - thickness, size=len(images))
    rows = np.arange(28)
    covered = (rows >= tops[:, np.newaxis]) & (rows < tops[:, np.newaxis] + thickness)
    return np.where(covered[:, :, np.newaxis], np.uint8(255), images)


def random_noise(highest: float = 1.0) -> "keras.Layer":
    """Return a layer that adds noise in training, and does nothing when the model is used.

    Each image gets a level of its own, drawn evenly from 0 to `highest`; pixels run from 0 to 1 before and after.
    So every epoch sees other noise, and no noisy copy of the images is kept.
    """
    layer: keras.Layer = _layer_class()(highest)
    return layer


@functools.cache
def _layer_class() -> Any:
    """Define the layer when Keras is first needed."""
    import keras

    class RandomNoise(keras.layers.Layer):
        """Noise of a random level for each image, in training only."""

        def __init__(self, highest: float = 1.0) -> None:
            super().__init__()
            self.highest = highest
            self.seed_generator = keras.random.SeedGenerator()

        def call(self, pixels, training=False):  # type: ignore[no-untyped-def]
            if not training:
                return pixels
            shape = keras.ops.shape(pixels)
            levels = keras.random.uniform((shape[0], 1, 1), 0, self.highest, seed=self.seed_generator)
            noise = keras.random.normal(shape, seed=self.seed_generator)
            return keras.ops.clip(pixels + levels * noise, 0, 1)

    return RandomNoise


def _batches(images: int) -> Iterator[slice]:
    """Yield the places of one batch after the other among so many images."""
    for start in range(0, images, _BATCH_SIZE):
        yield slice(start, start + _BATCH_SIZE)


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
    turned: np.ndarray = np.rint((1 - below) * upper + below * lower).reshape(images.shape)
    return turned


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
