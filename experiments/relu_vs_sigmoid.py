"""ReLU and sigmoid by depth, initializer and optimizer, each with the learning rate that suits it."""

import itertools

import numpy as np

from experiments.runner import measure, save_table
from mnist_lessons.data import Split, split_mnist
from mnist_lessons.sweeps import Setting, final, run
from mnist_lessons.tables import Row

SEEDS = range(10)
# The seeds that choose a learning rate are not those that are reported.
CHOOSING_SEEDS = (100, 101)
RATES = {
    "sgd": (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0),
    "momentum": (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0),
    "adam": (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1),
}
DEPTHS = (1, 2, 4, 8)
INITIALIZERS = ("glorot_uniform", "he_normal")
# What learned slowly, and ReLU beside it, is trained twelve times as long, at the rates chosen for 1,000 steps.
SLOW = (("sigmoid", 8, "adam"), ("relu", 8, "adam"), ("sigmoid", 4, "momentum"), ("sigmoid", 4, "sgd"))
STUCK = ("sigmoid", 8, "momentum")  # learned nothing at any rate, so that each rate is tried again
LONGER = 12


def main() -> None:
    """Make the three tables."""
    shapes = [
        (activation, depth, optimizer)
        for optimizer, depth, activation in itertools.product(("adam", "momentum", "sgd"), DEPTHS, ("relu", "sigmoid"))
    ]
    shapes += list(itertools.product(("tanh", "gelu"), (2, 8), ("adam",)))
    runs = [measure(choose, *shape) for shape in shapes]
    rates = save_table("relu-rates", runs, experiment="relu_vs_sigmoid", seeds="100 and 101")
    runs = [
        measure(report, *shape, [best_rate(rates, *shape, initializer) for initializer in INITIALIZERS])
        for shape in shapes
    ]
    seeds = "0 to 9; the learning rates were chosen with seeds 100 and 101"
    save_table("relu-sweep", runs, experiment="relu_vs_sigmoid", seeds=seeds)
    save_longer(rates)


def save_longer(rates: list[Row]) -> None:
    """Make the table of the networks that are trained for 12,000 steps."""
    chosen = {shape: [[best_rate(rates, *shape, initializer)] for initializer in INITIALIZERS] for shape in SLOW}
    runs = [measure(train_longer, *shape, chosen[shape], list(SEEDS)) for shape in SLOW]
    runs.append(measure(train_longer, *STUCK, [list(RATES["momentum"])] * len(INITIALIZERS), [0, 1]))
    seeds = "0 to 9, for eight layers with momentum 0 and 1; the learning rates were chosen with seeds 100 and 101"
    save_table("relu-longer", runs, experiment="relu_vs_sigmoid", seeds=seeds)


def choose(activation: str, depth: int, optimizer: str) -> list[Row]:
    """Train each initializer with each learning rate for 1,000 steps, judged on the validation images."""
    splits = split_mnist()
    settings = [
        setting(activation, depth, initializer, optimizer, rate)
        for initializer in INITIALIZERS
        for rate in RATES[optimizer]
    ]
    train = first_images(splits.train)
    rows = run(settings, seeds=CHOOSING_SEEDS, stack_size=len(settings), train=train, evaluation=splits.validation)
    return [_short(row, "accuracy") for row in final(rows)]


def report(activation: str, depth: int, optimizer: str, rates: list[float]) -> list[Row]:
    """Train each initializer with its learning rate over all seeds, judged on the test images."""
    splits = split_mnist()
    settings = [
        setting(activation, depth, initializer, optimizer, rate)
        for initializer, rate in zip(INITIALIZERS, rates, strict=True)
    ]
    # Two networks with one learning rate are two settings still: they differ in their initializer.
    rows = run(settings, seeds=SEEDS, train=first_images(splits.train), evaluation=splits.test)
    return [_short(row, "accuracy", "loss", "gradient_rms", "saturated", "dead") for row in final(rows)]


def train_longer(activation: str, depth: int, optimizer: str, rates: list[list[float]], seeds: list[int]) -> list[Row]:
    """Train each initializer with each of its rates for 12,000 steps, judged on the test images after each 1,000."""
    splits = split_mnist()
    settings = [
        setting(activation, depth, initializer, optimizer, rate, epochs=LONGER)
        for initializer, some in zip(INITIALIZERS, rates, strict=True)
        for rate in some
    ]
    train = first_images(splits.train)
    rows = run(settings, seeds=seeds, stack_size=len(settings), train=train, evaluation=splits.test)
    return [_short(row, "epoch", "accuracy") for row in rows if row["epoch"]]


def setting(activation: str, depth: int, initializer: str, optimizer: str, rate: float, epochs: int = 1) -> Setting:
    """Return the network of one cell; one pass through 32,000 images in batches of 32 makes 1,000 steps."""
    return Setting((50,) * depth, activation, initializer, optimizer, rate, batch_size=32, epochs=epochs)


def first_images(train: Split) -> Split:
    """Return the first 32,000 training images; they are in no order."""
    return train[0][:32_000], train[1][:32_000]


def best_rate(rates: list[Row], activation: str, depth: int, optimizer: str, initializer: str) -> float:
    """Return the learning rate with the best mean validation accuracy of one cell."""
    cell = {"activation": activation, "depth": depth, "initializer": initializer, "optimizer": optimizer}
    found = [row for row in rates if all(row[name] == value for name, value in cell.items())]
    return max(RATES[optimizer], key=lambda rate: np.mean([r["accuracy"] for r in found if r["learning_rate"] == rate]))


def _short(row: Row, *measured: str) -> Row:
    """Keep what tells the rows of a table apart, and the named measurements."""
    apart = ("activation", "initializer", "optimizer", "learning_rate", "seed")
    return {"depth": len(row["units"])} | {name: row[name] for name in (*apart, *measured)}
