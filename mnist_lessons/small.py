"""Networks of a few hundred or thousand parameters: build, fold, round and prune them.

Taught in the chapter `small`.
"""

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from mnist_lessons import check_keras
from mnist_lessons.models import accept_bytes_only, fused_normalization

if TYPE_CHECKING:
    import keras


def build_small(design: str) -> "keras.Model":
    """Return a small convolutional network, not yet compiled.

    Every convolution is followed by batch normalization and ReLU. The first is padded with background, the others stay
    inside. A dense layer of ten, with softmax, comes last.

    Parameters
    ----------
    design
        Words with spaces between, in the order of the layers: ``conv8x5/2``, a convolution with 8 filters of 5 by 5
        that moves by two pixels; ``sep16``, a separable one with 16 filters of 3 by 3; ``pool``, the greatest of 2 by 2
        places; ``weigh``, for each map the sum of its values times a weight of each place; ``mean``, their mean;
        ``flat``, all values of all maps.

    Raises
    ------
    ValueError
        A word of another form.
    """
    import keras

    check_keras()
    layers = keras.layers
    model = keras.Sequential([keras.Input((28, 28), dtype="uint8"), layers.Rescaling(1 / 255)])
    model.add(layers.Reshape((28, 28, 1)))
    for number, word in enumerate(design.split()):
        model_layer = _layer(word, size=model.output_shape[1], padding="valid" if number else "same")
        model.add(model_layer)
        if isinstance(model_layer, layers.Conv2D | layers.SeparableConv2D):
            model.add(fused_normalization()())
            model.add(layers.ReLU())
    if len(model.output_shape) > 2:
        model.add(layers.Flatten())
    model.add(layers.Dense(10, activation="softmax"))
    return accept_bytes_only(model)


def _layer(word: str, *, size: int, padding: str) -> Any:
    from keras import layers

    simple = {
        "pool": lambda: layers.MaxPooling2D(2),
        "weigh": lambda: layers.DepthwiseConv2D(size, use_bias=False),
        "mean": layers.GlobalAveragePooling2D,
        "flat": layers.Flatten,
    }
    if word in simple:
        return simple[word]()
    if found := re.fullmatch(r"conv(\d+)x(\d+)(?:/(\d+))?", word):
        filters, window, stride = (int(number or 1) for number in found.groups())
        return layers.Conv2D(filters, window, strides=stride, padding=padding, use_bias=False)
    if found := re.fullmatch(r"sep(\d+)", word):
        return layers.SeparableConv2D(int(found[1]), 3, padding=padding, use_bias=False)
    raise ValueError(f"design: expected words such as conv8x5/2, sep16, {', '.join(simple)}; got {word!r}")


def fold(model: "keras.Model") -> "keras.Model":
    """Return the network with each batch normalization folded into the convolution before it, which gets a bias.

    The answers are the same up to rounding. What `count_params` gives for it is what has to be stored.
    """
    import keras

    norm = fused_normalization()
    folded = keras.Sequential([keras.Input((28, 28), dtype="uint8")])
    for layer, following in zip(model.layers, [*model.layers[1:], None], strict=True):
        if isinstance(layer, norm):
            continue
        config, weights = layer.get_config(), layer.get_weights()
        if isinstance(following, norm):
            config["use_bias"] = True
            beta, mean, variance = following.get_weights()
            factor = 1 / np.sqrt(variance + 0.001)
            weights = [*weights[:-1], weights[-1] * factor, beta - mean * factor]
        copy = type(layer).from_config(config)
        folded.add(copy)
        copy.set_weights(weights)
    return accept_bytes_only(folded)


def round_weights(
    model: "keras.Model", greatest: int, *, greatest_bias: int = 127, by_filter: bool = False
) -> "keras.Model":
    """Return a copy of a network whose weights are whole numbers times a step.

    Parameters
    ----------
    greatest
        The whole numbers go from minus to plus this: 127 for 8 bits a weight, 7 for 4 bits.
    greatest_bias
        The same for biases.
    by_filter
        Whether each filter has a step of its own; otherwise there is one for each array of weights.
    """
    import keras

    rounded = keras.models.clone_model(model)
    rounded.set_weights([
        _round(array, greatest if array.ndim > 1 else greatest_bias, by_filter=by_filter and array.ndim > 1)
        for array in model.get_weights()
    ])  # fmt: skip
    return accept_bytes_only(rounded)


def _round(array: np.ndarray, greatest: int, *, by_filter: bool) -> np.ndarray:
    """Return an array of weights, each rounded to a whole number of steps."""
    # A depthwise kernel (rows, columns, maps, 1) has a filter for each map.
    axes = (0, 1) if array.ndim == 4 and array.shape[-1] == 1 else tuple(range(array.ndim - 1))
    largest = np.abs(array).max(axis=axes if by_filter else None, keepdims=True)
    step = np.where(largest, largest, 1) / greatest
    return np.asarray(np.rint(array / step) * step, "float32")


def prune(model: "keras.Model", share: float) -> "keras.Model":
    """Return a copy of a network whose smallest weights are 0 and stay 0 in further training.

    Parameters
    ----------
    share
        Which part of the weights of each array to set to 0, from 0 to 1; biases stay.
    """
    import keras

    pruned = keras.models.clone_model(model)
    pruned.set_weights(model.get_weights())
    for variable in pruned.trainable_variables:
        if variable.shape.rank > 1:
            weights = np.asarray(variable)
            mask = (np.abs(weights) > np.quantile(np.abs(weights), share)).astype("float32")
            variable.assign(weights * mask)
            variable.constraint = lambda value, mask=mask: value * mask
    return accept_bytes_only(pruned)
