"""Noise on digits, and the autoencoder that takes it off again.

Levels of noise are given as shares of the full scale: at level 0.5, the noise added to a pixel has a standard
deviation of half of 255. Taught in the chapter `autoencoder`.
"""

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mnist_lessons.data import check_images

if TYPE_CHECKING:
    import keras

# Rows that are worked on at once, so that no array of floats holds all images.
_PIECE = 1000


def gaussian_noise(images: np.ndarray, level: float, *, seed: int) -> np.ndarray:
    """Add normally distributed noise to every pixel, round, and cut off what leaves the scale.

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
    for start in range(0, len(images), _PIECE):
        piece = images[start : start + _PIECE]
        pixels = piece + 255 * level * generator.standard_normal(piece.shape, "float32")
        noisy[start : start + _PIECE] = np.rint(np.clip(pixels, 0, 255))
    return noisy


def salt_and_pepper(images: np.ndarray, share: float, *, seed: int) -> np.ndarray:
    """Replace a share of the pixels, each chosen by chance, by 0 or 255 with equal chances.

    Parameters
    ----------
    images
        (n, 28, 28) uint8.
    share
        How likely each pixel is to be replaced, 0 to 1.
    seed
        Seed of the choice; the first images get the same noise however many there are.

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
    for start in range(0, len(images), _PIECE):
        piece = noisy[start : start + _PIECE]
        drawn = generator.random(piece.shape, "float32")
        piece[drawn < share] = 255
        piece[drawn < share / 2] = 0
    return noisy


def strike_through(images: np.ndarray, thickness: int, *, seed: int) -> np.ndarray:
    """Draw a horizontal bar of full ink across each image, at a height of its own.

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


@functools.cache
def _layer_class() -> type:
    """Define the layer when Keras is there to be subclassed."""
    import keras

    class RandomNoise(keras.layers.Layer):
        """Noise of a level drawn anew for each image, in training only."""

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


def random_noise(highest: float = 1.0) -> "keras.Layer":
    """Return a layer that adds noise in training, and does nothing when the model is used.

    Each image gets a level of its own, drawn evenly from 0 to `highest`; pixels run from 0 to 1 before and after.
    So every epoch sees other noise, and no noisy copy of the images is kept.
    """
    layer: keras.Layer = _layer_class()(highest)
    return layer


def build_autoencoder(units: Sequence[int] = (512, 128, 512), *, highest: float = 1.0) -> "keras.Model":
    """Return a dense denoising autoencoder, not yet compiled; by default 784-512-128-512-784.

    Parameters
    ----------
    units
        The width of each hidden layer, first to last; the narrowest is the bottleneck.
    highest
        The highest level of the noise that the model adds to its input in training.

    Returns
    -------
    model
        Takes images (n, 28, 28) uint8 and returns images (n, 28, 28) float32, 0 to 1.
    """
    import keras

    model = keras.Sequential([keras.Input((28, 28), dtype="uint8")])
    model.add(keras.layers.Rescaling(1 / 255))
    model.add(random_noise(highest))
    model.add(keras.layers.Flatten())
    for width in units:
        model.add(keras.layers.Dense(width, activation="relu"))
    model.add(keras.layers.Dense(784, activation="sigmoid"))
    model.add(keras.layers.Reshape((28, 28)))
    return model


def train_autoencoder(images: np.ndarray, *, seed: int, epochs: int = 6) -> "keras.Model":
    """Train the book's denoising autoencoder to give back clean images; it needs no labels.

    The rate, the epochs and the layers were chosen on the validation images.

    Parameters
    ----------
    images
        Clean images (n, 28, 28) uint8; the model adds the noise.
    """
    import keras

    keras.utils.set_random_seed(seed)
    model = build_autoencoder()
    steps = epochs * -(-len(images) // 256)
    rate = keras.optimizers.schedules.CosineDecay(0.003, steps)
    model.compile(optimizer=keras.optimizers.Adam(rate), loss=pixel_cross_entropy, steps_per_execution=10)
    model.fit(images, images, batch_size=256, epochs=epochs, verbose=0)
    return model


def pixel_cross_entropy(clean, restored):  # type: ignore[no-untyped-def]
    """Return the cross-entropy of restored pixels (0 to 1), the clean ones (0 to 255) taken as shares of ink."""
    import keras

    return keras.losses.binary_crossentropy(clean / 255, restored)


def denoise(autoencoder: "keras.Model", images: np.ndarray) -> np.ndarray:
    """Return the images (n, 28, 28) uint8 that the autoencoder makes of `images`, of the same form."""
    check_images(images)
    restored = np.empty_like(images)
    for start in range(0, len(images), _PIECE):
        piece = slice(start, start + _PIECE)
        restored[piece] = np.rint(255 * np.asarray(autoencoder.predict_on_batch(images[piece])))
    return restored


def root_mean_square_error(clean: np.ndarray, restored: np.ndarray) -> float:
    """Return the root of the mean squared difference of all pixels, in gray levels of 0 to 255.

    Parameters
    ----------
    clean, restored
        Images (n, 28, 28) of any number type, on the scale from 0 to 255.

    Raises
    ------
    ValueError
        Arrays of different shapes, or without images.
    """
    if clean.shape != restored.shape or not len(clean):
        raise ValueError(f"clean and restored: expected images of one shape, got {clean.shape} and {restored.shape}")
    total = 0.0
    for start in range(0, len(clean), _PIECE):
        piece = slice(start, start + _PIECE)
        total += float(np.square(clean[piece].astype("float64") - restored[piece]).sum())
    return float(np.sqrt(total / clean.size))
