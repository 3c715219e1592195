"""The book's networks, as functions that return Keras models not yet compiled.

Every model takes images as they are in MNIST, (n, 28, 28) uint8, and rescales them itself, so that what it needs to
be used travels with it. Other images, such as those divided by 255, are refused. The output of a classifier is (n, 10),
one probability for each digit; that of the autoencoder is images.
"""

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mnist_lessons import check_keras
from mnist_lessons.augmentation import random_noise
from mnist_lessons.data import check_images

if TYPE_CHECKING:
    import keras


def build_dense(
    units: Sequence[int] = (128, 128), *, activation: str = "relu", kernel_initializer: str = "glorot_uniform"
) -> "keras.Model":
    """Return a network of fully connected layers; the default one is 784-128-128-10 with ReLU.

    Taught in the chapter `model`.

    Parameters
    ----------
    units
        The width of each hidden layer, first to last; empty for a softmax regression.
    activation
        The hidden layers' activation, by its Keras name.
    kernel_initializer
        How the hidden layers' weights are drawn, by its Keras name.
    """
    import keras

    check_keras()
    model = keras.Sequential([keras.Input((28, 28), dtype="uint8")])
    model.add(keras.layers.Rescaling(1 / 255))
    model.add(keras.layers.Flatten())
    for width in units:
        model.add(keras.layers.Dense(width, activation=activation, kernel_initializer=kernel_initializer))
    model.add(keras.layers.Dense(10, activation="softmax"))
    return accept_bytes_only(model)


def build_cnn(filters: Sequence[int] = (16, 32, 64)) -> "keras.Model":
    """Return a small convolutional network of three convolutions and one dense layer.

    The first convolution moves by two pixels, which makes the later ones four times cheaper.
    There is no batch normalization: on a CPU it nearly doubles the cost of an epoch.
    Taught in the chapter `cnn`.

    Parameters
    ----------
    filters
        How many filters each of the three convolutions has.
    """
    import keras

    check_keras()
    first, second, third = filters
    model = keras.Sequential(
        [
            keras.Input((28, 28), dtype="uint8"),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Reshape((28, 28, 1)),
            keras.layers.Conv2D(first, 5, strides=2, padding="same", activation="relu"),
            keras.layers.Conv2D(second, 3, activation="relu"),
            keras.layers.MaxPooling2D(2),
            keras.layers.Conv2D(third, 3, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dropout(0.4),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    return accept_bytes_only(model)


def build_fast_cnn(width: float = 1.0, *, deep: bool = False) -> "keras.Model":
    """Return a convolutional network that learns in few epochs, each of which is cheap on a CPU.

    It has the convolutions of `build_cnn` and looks at the middle 24 by 24 pixels; the margin holds 0.2 % of the ink.
    The maps of the second and third convolution are normalized over the batch before ReLU. The second's are pooled
    first, which leaves a quarter of the numbers to normalize. These two need no bias: normalization would subtract
    it again. Taught in the chapter `train-fast`.

    Parameters
    ----------
    width
        The three convolutions have 16, 32 and 64 times this many filters.
    deep
        Whether a fourth convolution follows, with as many filters as the third. Then the first one pads its input,
        so that the fourth has 3 by 3 numbers of each map to look at.

    Raises
    ------
    ValueError
        A width so small that a convolution is left without filters.
    """
    import keras

    check_keras()
    first, second, third = (int(width * filters) for filters in (16, 32, 64))
    if first < 1:
        raise ValueError(f"width: expected at least 1/16, got {width}")
    norm = fused_normalization()
    fourth = [keras.layers.Conv2D(third, 3, use_bias=False), norm(), keras.layers.ReLU()] if deep else []
    model = keras.Sequential(
        [
            keras.Input((28, 28), dtype="uint8"),
            keras.layers.Rescaling(1 / 127.5, offset=-1),
            keras.layers.Reshape((28, 28, 1)),
            keras.layers.Cropping2D(2),
            keras.layers.Conv2D(first, 5, strides=2, padding="same" if deep else "valid", activation="relu"),
            keras.layers.Conv2D(second, 3, use_bias=False),
            keras.layers.MaxPooling2D(2),
            norm(),
            keras.layers.ReLU(),
            keras.layers.Conv2D(third, 3, use_bias=False),
            norm(),
            keras.layers.ReLU(),
            *fourth,
            keras.layers.Flatten(),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    return accept_bytes_only(model)


@functools.cache
def fused_normalization() -> Any:
    """Return the class of a layer that computes batch normalization in one operation of TensorFlow.

    Keras computes it from a dozen operations, each of which goes through all the numbers once. The layer's outputs,
    its weights and what it does with them are those of ``keras.layers.BatchNormalization(momentum=0.9, scale=False)``.
    It takes float32 maps (n, height, width, channels). A stored model that has such layers can be loaded once
    this function was called.
    """
    import keras
    import tensorflow as tf

    @keras.saving.register_keras_serializable(package="mnist_lessons")
    class FusedNormalization(keras.layers.Layer):
        """Batch normalization over the last axis, with an offset to learn and no factor."""

        def build(self, shape: tuple[int | None, ...]) -> None:
            channels = (shape[-1],)
            self.beta = self.add_weight(name="beta", shape=channels, initializer="zeros")
            self.moving_mean = self.add_weight(name="moving_mean", shape=channels, initializer="zeros", trainable=False)
            self.moving_variance = self.add_weight(
                name="moving_variance", shape=channels, initializer="ones", trainable=False
            )

        def call(self, maps: Any, training: bool = False) -> Any:
            known = (self.moving_mean, self.moving_variance)
            normalized, mean, variance = tf.compat.v1.nn.fused_batch_norm(
                maps,
                scale=tf.ones_like(self.beta),
                offset=self.beta,
                mean=None if training else self.moving_mean,
                variance=None if training else self.moving_variance,
                epsilon=0.001,
                is_training=training,
            )
            if training:
                # The operation divides by n - 1 for the variance to remember, Keras by n.
                count = tf.cast(tf.size(maps) / tf.size(mean), "float32")
                for kept, seen in zip(known, (mean, variance * (count - 1) / count), strict=True):
                    kept.assign(0.9 * kept + 0.1 * seen)
            return normalized

    return FusedNormalization


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

    check_keras()
    model = keras.Sequential([keras.Input((28, 28), dtype="uint8")])
    model.add(keras.layers.Rescaling(1 / 255))
    model.add(random_noise(highest))
    model.add(keras.layers.Flatten())
    for width in units:
        model.add(keras.layers.Dense(width, activation="relu"))
    model.add(keras.layers.Dense(784, activation="sigmoid"))
    model.add(keras.layers.Reshape((28, 28)))
    return accept_bytes_only(model)


def accept_bytes_only(model: "keras.Model") -> "keras.Model":
    """Make a model refuse what is not uint8, with Keras's own error, and return it.

    Without this, Keras casts what a model is given: images of 0 to 1 become 0 or 1 of 255 without a word, which is
    paper almost everywhere. Keras does not store this with a model. Taught in the chapter `model`.
    """
    import keras

    model.autocast = False
    model.input_spec = keras.layers.InputSpec(dtype="uint8")
    return model


def denoise(autoencoder: "keras.Model", images: np.ndarray) -> np.ndarray:
    """Return the images (n, 28, 28) uint8 that the autoencoder restores from noisy ones of the same form."""
    check_images(images)
    restored = np.empty_like(images)
    for start in range(0, len(images), 1000):
        batch = slice(start, start + 1000)
        restored[batch] = np.rint(255 * np.asarray(autoencoder.predict_on_batch(images[batch])))
    return restored
