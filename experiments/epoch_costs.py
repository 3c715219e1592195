"""One epoch of training made cheaper step by step; each step keeps what the one before it gained.

The clock runs over the second epoch of two, when everything is compiled; ``first`` is the first one's CPU seconds.
All train on the 60,000 training images. The first five steps are one algorithm.
"""

import functools
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from experiments.clock import Clock

Costs = dict[str, float]


def run_step(name: str, repetition: int) -> Costs:
    """Return the costs of a step; it is measured once for each repetition, since a seed changes no cost."""
    return STEPS[name]()


def dense_by_fit(*, pixels: str, steps_per_execution: int) -> Costs:
    """Train the old notebook's network by `fit`; pixels are float64, as the notebook has them, or uint8."""
    import keras

    from mnist_lessons.data import load_mnist, one_hot

    (images, labels), _ = load_mnist()
    model = dense(pixels)
    loss = "categorical_crossentropy"
    model.compile(keras.optimizers.SGD(0.01), loss, metrics=["accuracy"], steps_per_execution=steps_per_execution)
    if pixels == "float64":
        images = (images - images.mean()) / images.std()
    targets = one_hot(labels)
    return second(lambda: model.fit(images, targets, batch_size=32, epochs=1, verbose=0))


def dense_in_one_call(*, jit_compile: bool, batch_size: int = 32, adam: bool = False) -> Costs:
    """Train the same network, an epoch in one compiled call, by plain SGD or by Adam."""
    import keras
    import tensorflow as tf

    from mnist_lessons import loops
    from mnist_lessons.data import load_mnist

    (images, labels), _ = load_mnist()
    model = dense("uint8")
    optimizer = keras.optimizers.Adam(0.003) if adam else keras.optimizers.SGD(0.01)
    loss = keras.losses.sparse_categorical_crossentropy
    train_epoch = loops.compiled_epoch(model, optimizer, loss, jit_compile=jit_compile)
    order = np.random.default_rng(0).permutation(len(images))[: len(images) // batch_size * batch_size]
    order = tf.constant(order.reshape(-1, batch_size).astype("int32"))
    images, labels = tf.constant(images), tf.constant(labels.astype("int32"))
    return second(lambda: train_epoch(images, labels, order).numpy())


def dense(pixels: str) -> Any:
    """Return the old notebook's network, for pixels float64 or uint8."""
    import keras

    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dense(128, "relu"), keras.layers.Dense(128, "relu"), keras.layers.Dense(10, "softmax")]
    rescaling = [] if pixels == "float64" else [keras.layers.Rescaling(1 / 78.6, offset=-0.424)]
    return keras.Sequential([keras.Input((28, 28), dtype=pixels), *rescaling, keras.layers.Flatten(), *layers])


def convolutions(*, stride: int = 2, norm: str = "fused", jit_compile: bool = False) -> Costs:
    """Train the network of `fast_99`, with or without two of its parts."""
    import keras
    import tensorflow as tf

    from mnist_lessons import loops, models
    from mnist_lessons.data import load_mnist

    keras.utils.set_random_seed(0)
    layers = []
    for layer in models.build_fast_cnn().layers:
        if norm == "keras" and "normalization" in layer.name:
            layer = keras.layers.BatchNormalization(momentum=0.9, scale=False)
        if stride == 1 and getattr(layer, "strides", None) == (2, 2) and layer.name.startswith("conv"):
            # What moved by two pixels now looks everywhere and is pooled afterwards.
            layers.append(keras.layers.Conv2D(16, 5, activation="relu"))
            layer = keras.layers.MaxPooling2D(2)
        layers.append(layer)
    model = keras.Sequential([keras.Input((28, 28), dtype="uint8"), *layers])
    (images, labels), _ = load_mnist()
    optimizer, loss = keras.optimizers.Adam(0.003, beta_2=0.99), keras.losses.sparse_categorical_crossentropy
    train_epoch = loops.compiled_epoch(model, optimizer, loss, jit_compile=jit_compile)
    steps = len(images) // 128
    order = np.random.default_rng(0).permutation(len(images))[: steps * 128].reshape(-1, 128)
    images, labels = tf.constant(images), tf.constant(labels.astype("int32"))
    if jit_compile:  # so slow that a tenth of an epoch has to do
        order = order[::10]
    order = tf.constant(order.astype("int32"))
    costs = second(lambda: train_epoch(images, labels, order).numpy())
    return costs | {"cpu_seconds": costs["cpu_seconds"] * steps / len(order)}


def second(epoch: Callable[[], Any]) -> Costs:
    """Run an epoch twice and clock the second."""
    with Clock() as first:
        epoch()
    with Clock() as clock:
        epoch()
    return {**clock.figures(), "first_cpu_seconds": first.cpu_seconds}


def imports() -> Costs:
    """Import TensorFlow and Keras, start the former, and train nothing."""
    import keras  # noqa: F401
    import tensorflow as tf

    tf.zeros(1)
    return Clock().figures()


def matrix_product() -> Costs:
    """Time 20 products of two float32 matrices of 1,024 by 1,024; the best is given in GFLOP a CPU second."""
    import tensorflow as tf

    multiply = tf.function(tf.matmul)
    a, b = tf.random.normal((1024, 1024)), tf.random.normal((1024, 1024))
    multiply(a, b).numpy()
    speeds = []
    for _ in range(20):
        start = time.process_time()
        for _ in range(5):
            product = multiply(a, b)
        product.numpy()
        speeds.append(5 * 2 * 1024**3 / (time.process_time() - start) / 1e9)
    return {**Clock().figures(), "gflops": max(speeds)}


STEPS: dict[str, Callable[[], Costs]] = {
    "import": imports,
    "fit": functools.partial(dense_by_fit, pixels="float64", steps_per_execution=1),
    "steps": functools.partial(dense_by_fit, pixels="float64", steps_per_execution=50),
    "uint8": functools.partial(dense_by_fit, pixels="uint8", steps_per_execution=50),
    "epoch": functools.partial(dense_in_one_call, jit_compile=False),
    "xla": functools.partial(dense_in_one_call, jit_compile=True),
    "batch": functools.partial(dense_in_one_call, jit_compile=True, batch_size=128, adam=True),
    "full-resolution": functools.partial(convolutions, stride=1, norm="keras"),
    "stride": functools.partial(convolutions, norm="keras"),
    "fused": convolutions,
    "fused-xla": functools.partial(convolutions, jit_compile=True),
    "matrix-product": matrix_product,
}
