"""What a run of the experiment `small` does: train small networks, and shrink a trained one."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from experiments.clock import Clock
from mnist_lessons.augmentation import random_warp
from mnist_lessons.data import Split, load_mnist, one_hot, split_mnist
from mnist_lessons.loops import compiled_epoch, fit_fast
from mnist_lessons.models import build_fast_cnn
from mnist_lessons.small import build_small, fold, prune, round_weights
from mnist_lessons.tables import Row

layers = keras.layers

# Published networks ---------------------------------------------------------------------------------------------------


def separable(first: int, others: Sequence[int], *, padding: str, dropout: Sequence[float]) -> keras.Model:
    """Return a network of github.com/JoshWarn/Parameter-Efficient-MNIST, of one convolution and four separable ones.

    Its two scripts differ in widths, padding and the dropout behind each convolution.
    """
    model = keras.Sequential([keras.Input((28, 28), dtype="uint8"), layers.Rescaling(1 / 255)])
    model.add(layers.Reshape((28, 28, 1)))
    model.add(layers.Conv2D(first, 3, padding=padding, kernel_initializer="he_normal"))
    model.add(layers.LeakyReLU(negative_slope=0.2))
    model.add(layers.MaxPooling2D(2))
    model.add(layers.Dropout(dropout[0]))
    for filters, rate in zip(others, dropout[1:], strict=True):
        model.add(layers.SeparableConv2D(filters, 3))
        model.add(layers.LeakyReLU(negative_slope=0.2))
        model.add(layers.Dropout(rate))
    model.add(layers.GlobalAveragePooling2D())
    model.add(layers.Dense(10, activation="softmax"))
    return model


def minimal() -> keras.Model:
    """Return the network of 4,862 parameters of github.com/ruslangrimov/mnist-minimal-model, as its README has it."""
    model = keras.Sequential([keras.Input((28, 28), dtype="uint8"), layers.Rescaling(1 / 255)])
    model.add(layers.Reshape((28, 28, 1)))
    for filters, window, pool in ((8, 3, True), (16, 3, True), (16, 3, False), (4, 1, False)):
        model.add(layers.Conv2D(filters, window, activation="relu"))
        if pool:
            model.add(layers.MaxPooling2D(2))
        model.add(layers.BatchNormalization())
        model.add(layers.Dropout(0.1))
    for layer in (layers.Flatten(), layers.Dense(24, activation="relu"), layers.Dropout(0.1)):
        model.add(layer)
    model.add(layers.Dense(10, activation="softmax"))
    return model


PUBLISHED: dict[str, Callable[[], keras.Model]] = {
    "published-697": lambda: separable(6, (5, 9, 10, 8), padding="same", dropout=(0, 0.05, 0.05, 0.05, 0)),
    "published-997": lambda: separable(7, (10, 10, 11, 12), padding="valid", dropout=(0.1,) * 5),
    "published-4862": minimal,
}

# Runs -----------------------------------------------------------------------------------------------------------------


def train(
    designs: Sequence[str],
    seeds: Sequence[int],
    epochs: float,
    rate: float = 0.02,
    warp: bool = False,
    test: bool = False,
) -> list[Row]:
    """Return a row a design and seed, trained on 50,000 images; test images are looked at only if asked for."""
    rows = []
    for design, seed in itertools.product(designs, seeds):
        keras.utils.set_random_seed(seed)
        model = PUBLISHED[design]() if design in PUBLISHED else build_small(design)
        with Clock() as clock:
            fit_fast(
                model,
                split_mnist().train,
                seed=seed,
                epochs=epochs,
                peak_rate=rate,
                augment=random_warp if warp else None,
            )
        rows.append({
            "design": design,
            "seed": seed,
            "epochs": epochs,
            "rate": rate,
            "warp": int(warp),
            "parameters": parameters(model),
            "validation": accuracy(model, split_mnist().validation),
            "test": accuracy(model, load_mnist()[1]) if test else None,
            "cpu_seconds": round(clock.cpu_seconds, 1),
        })  # fmt: skip
    return rows


def parameters(model: keras.Model) -> int:
    """Return how many numbers a network needs to answer, with its normalization folded; published ones as published."""
    if any(type(layer).__name__ == "FusedNormalization" for layer in model.layers):
        return int(fold(model).count_params())
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


def shrink(design: str, seeds: Sequence[int], epochs: int) -> list[Row]:
    """Return a row a seed and way to make a trained network smaller, and for the network as it was trained."""
    images, labels = split_mnist().train
    rows = []
    for seed in seeds:
        keras.utils.set_random_seed(seed)
        model = build_small(design)
        fit_fast(model, (images, labels), seed=seed, epochs=epochs)
        trained = fold(model)
        kinds = {
            "as trained": trained,
            "8 bits": round_weights(trained, 127),
            "4 bits": round_weights(trained, 7),
            "4 bits, a step for each filter": round_weights(trained, 7, by_filter=True),
        }
        for share in (0.5, 0.75):
            kinds[f"{share:.0%} pruned"] = prune(trained, share)
            kinds[f"{share:.0%} pruned, then trained on"] = tuned = prune(trained, share)
            fit(tuned, images, smooth(labels), seed=seed, epochs=2, rate=0.003)
        rows += [_shrunk(design, kind, seed, network) for kind, network in kinds.items()]
    return rows


def smooth(labels: np.ndarray) -> np.ndarray:
    """Return the target probabilities of `fit_fast`."""
    return 0.95 * one_hot(labels) + 0.005


def distill(design: str, seeds: Sequence[int], epochs: int) -> list[Row]:
    """Return a row a seed of a network that learns a large network's probabilities in place of the labels."""
    images, _ = split_mnist().train
    keras.utils.set_random_seed(100)
    teacher = build_fast_cnn(1, deep=True)
    fit_fast(teacher, split_mnist().train, seed=100, epochs=4, augment=random_warp)  # much as recipes.fast_995
    targets = teacher.predict(images, batch_size=1000, verbose=0)
    rows = []
    for seed in seeds:
        keras.utils.set_random_seed(seed)
        model = build_small(design)
        fit(model, images, targets, seed=seed, epochs=epochs, rate=0.02)
        rows.append(_shrunk(design, "distilled", seed, fold(model)))
    return rows


def fit(model: keras.Model, images: np.ndarray, targets: np.ndarray, *, seed: int, epochs: int, rate: float) -> None:
    """Train on target probabilities (n, 10), in all else as `fit_fast` does."""
    import tensorflow as tf

    in_epoch = len(images) // 128
    steps = epochs * in_epoch
    rates = tf.constant(np.interp(np.arange(steps), [0, steps / 4, steps], [0, rate, 0]), "float32")
    optimizer: Any = keras.optimizers.Adam(lambda: tf.gather(rates, optimizer.iterations.value), beta_2=0.99)
    train_epoch = compiled_epoch(model, optimizer, keras.losses.categorical_crossentropy)
    generator = np.random.default_rng(seed)
    tensors = tf.constant(images), tf.constant(targets.astype("float32"))
    for _ in range(epochs):
        order = generator.permutation(len(images))[: in_epoch * 128].reshape(in_epoch, 128)
        train_epoch(*tensors, tf.constant(order.astype("int32")))


def _shrunk(design: str, kind: str, seed: int, model: keras.Model) -> Row:
    """Return what is stored of a folded network."""
    return {
        "design": design,
        "kind": kind,
        "seed": seed,
        "parameters": int(model.count_params()),
        "nonzero": int(sum(np.count_nonzero(array) for array in model.get_weights())),
        "validation": accuracy(model, split_mnist().validation),
        "test": accuracy(model, load_mnist()[1]),
    }


def accuracy(model: keras.Model, images_and_labels: Split) -> float:
    """Return the share of images that a network gets right, 0 to 1."""
    images, labels = images_and_labels
    return float((model.predict(images, batch_size=1000, verbose=0).argmax(axis=1) == labels).mean())
