"""The book's networks, as functions that return Keras models not yet compiled.

Every model takes images as they are in MNIST, (n, 28, 28) uint8, and rescales them itself,
so that what it needs to be used travels with it. The output is (n, 10): one probability for each digit.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

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

    model = keras.Sequential([keras.Input((28, 28), dtype="uint8")])
    model.add(keras.layers.Rescaling(1 / 255))
    model.add(keras.layers.Flatten())
    for width in units:
        model.add(keras.layers.Dense(width, activation=activation, kernel_initializer=kernel_initializer))
    model.add(keras.layers.Dense(10, activation="softmax"))
    return model


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

    first, second, third = filters
    return keras.Sequential(
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
