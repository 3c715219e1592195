"""Networks of 2 to 50 hidden layers, with and without what makes deep ones trainable: the tables of `depth`."""

import itertools
from typing import Any

import numpy as np

from experiments.runner import measure, save_table
from mnist_lessons.data import split_mnist
from mnist_lessons.loops import compiled_epoch
from mnist_lessons.models import accept_bytes_only
from mnist_lessons.tables import Row

SEEDS = range(4)
# The seed that chooses a learning rate is not among those that are reported.
CHOOSING_SEED, CHOOSING_STEPS = 100, 250
RATES = (0.002, 0.01)
DEPTHS = (50, 10, 2)
# Of each kind: the variance of the weights behind the first layer, times their inputs, where "small" stands for 2
# divided by the depth; whether layers are normalized; whether they skip.
KINDS: dict[str, tuple[float | str, bool, bool]] = {
    "glorot": (1.0, False, False),
    "he": (2.0, False, False),
    "norm": (2.0, True, False),
    "skip": (2.0, False, True),
    "small skip": ("small", False, True),
    "norm skip": (2.0, True, True),
}
# What is trained on with 50 layers: the kind, the optimizer, its rate and, of Adam, its epsilon.
LONGER = (
    ("he", "momentum", 0.002, 0),
    ("he", "adam", 0.0003, 1e-7),
    ("glorot", "adam", 0.0003, 1e-14),
)
EPOCHS, LONGER_STEPS = 3, 1000
STEPS, BATCH = 500, 32  # of an epoch, where nothing else is said


def main() -> None:
    """Make the three tables."""
    runs = [measure(choose, depth) for depth in DEPTHS]
    rates = save_table("depth-rates", runs, experiment="depth", seeds="100")
    runs = [measure(report, depth, [best_rate(rates, depth, kind) for kind in KINDS]) for depth in DEPTHS]
    save_table("depth", runs, experiment="depth", seeds="0 to 3; the learning rates were chosen with seed 100")
    save_table("depth-longer", [measure(train_longer)], experiment="depth", seeds="0")


def choose(depth: int) -> list[Row]:
    """Train each kind with each learning rate for 250 steps, judged on the validation images."""
    return [
        _named(depth, kind, rate, CHOOSING_SEED)
        | _train(depth, kind, _momentum(rate), CHOOSING_SEED, steps=CHOOSING_STEPS)[-1]
        for kind, rate in itertools.product(KINDS, RATES)
    ]


def report(depth: int, rates: list[float]) -> list[Row]:
    """Train each kind from each seed for 500 steps, judged on the test images."""
    return [
        _named(depth, kind, rate, seed) | _train(depth, kind, _momentum(rate), seed, on_test=True)[-1]
        for seed in SEEDS
        for kind, rate in zip(KINDS, rates, strict=True)
    ]


def train_longer() -> list[Row]:
    """Train networks of 50 layers, judged on the test images after each 1,000 steps."""
    import keras

    rows: list[Row] = []
    for kind, optimizer, rate, epsilon in LONGER:
        chosen = keras.optimizers.Adam(rate, epsilon=epsilon) if optimizer == "adam" else _momentum(rate)
        named = {"kind": kind, "optimizer": optimizer, "epsilon": epsilon, "learning_rate": rate, "seed": 0}
        rows += [named | row for row in _train(50, kind, chosen, 0, steps=LONGER_STEPS, epochs=EPOCHS, on_test=True)]
    return rows


def best_rate(rates: list[Row], depth: int, kind: str) -> float:
    """Return the learning rate with the best validation accuracy of one cell."""
    found = [row for row in rates if (row["depth"], row["kind"]) == (depth, kind)]
    return float(max(found, key=lambda row: row["accuracy"])["learning_rate"])


def build_deep(depth: int, kind: str) -> Any:
    """Return the network that the chapter builds."""
    import keras

    layers, drawn = keras.layers, keras.initializers.VarianceScaling
    scale, normalize, skip = KINDS[kind]
    inputs = keras.Input((28, 28), dtype="uint8")
    x = layers.Flatten()(layers.Rescaling(1 / 255)(inputs))
    x = layers.Dense(50, kernel_initializer=drawn(2.0))(x)
    for _ in range(depth - 1):
        y = layers.BatchNormalization()(x) if normalize else x
        y = layers.ReLU()(y)
        y = layers.Dense(50, kernel_initializer=drawn(2 / depth if scale == "small" else scale))(y)
        x = layers.add([x, y]) if skip else y
    if normalize:
        x = layers.BatchNormalization()(x)
    outputs = layers.Dense(10, activation="softmax")(layers.ReLU()(x))
    return accept_bytes_only(keras.Model(inputs, outputs))


def _train(
    depth: int, kind: str, optimizer: Any, seed: int, *, steps: int = STEPS, epochs: int = 1, on_test: bool = False
) -> list[Row]:
    """Train one network and return its mean loss in each epoch and its accuracy after it."""
    import keras
    import tensorflow as tf

    splits = split_mnist()
    images, labels = splits.test if on_test else splits.validation
    keras.utils.set_random_seed(seed)
    model = build_deep(depth, kind)
    train_epoch = compiled_epoch(model, optimizer, keras.losses.sparse_categorical_crossentropy)
    data = tf.constant(splits.train[0]), tf.cast(splits.train[1], "int32")
    generator = np.random.default_rng(seed)
    rows: list[Row] = []
    for epoch in range(1, epochs + 1):
        order = generator.permutation(len(splits.train[0]))[: steps * BATCH]
        losses = train_epoch(*data, tf.constant(order[: len(order) // BATCH * BATCH].reshape(-1, BATCH), "int32"))
        right = np.argmax(model.predict(images, batch_size=1000, verbose=0), axis=1) == labels
        rows.append({"epoch": epoch, "loss": float(losses[0]), "accuracy": float(np.mean(right))})
    return rows


def _named(depth: int, kind: str, rate: float, seed: int) -> Row:
    """Return what tells the rows of a table apart."""
    return {"depth": depth, "kind": kind, "learning_rate": rate, "seed": seed}


def _momentum(rate: float) -> Any:
    """Return SGD with momentum."""
    import keras

    return keras.optimizers.SGD(rate, momentum=0.9)
