"""ReLU and sigmoid: the old protocol over seeds, and depth x initializer x optimizer with tuned learning rates."""

import dataclasses
import functools
import itertools

import numpy as np

from experiments import keep
from mnist_lessons.data import split_mnist
from mnist_lessons.experiments import Row, Setting, final, run

SEEDS = range(10)
# The seeds that choose a learning rate are not those that are reported.
CHOOSING_SEEDS = (100, 101)
RATES = {
    "sgd": (0.03, 0.1, 0.3, 1.0, 3.0),
    "momentum": (0.003, 0.01, 0.03, 0.1, 0.3),
    "adam": (0.0003, 0.001, 0.003, 0.01, 0.03),
}
DEPTHS = (1, 2, 4, 8)
INITIALIZERS = ("glorot_uniform", "he_normal")
# The networks of one cell are trained at once, whichever their learning rates.
AT_ONCE = 20


def main() -> None:
    """Make the three tables."""
    keep(
        "relu-old-protocol",
        {a: functools.partial(old_protocol, a) for a in ("relu", "sigmoid")},
        experiment="relu_vs_sigmoid",
        seeds="0 to 9",
    )
    shapes = [
        (activation, depth, optimizer)
        for optimizer, depth, activation in itertools.product(("adam", "momentum", "sgd"), DEPTHS, ("relu", "sigmoid"))
    ]
    shapes += list(itertools.product(("tanh", "gelu", "elu"), (2, 8), ("adam",)))
    rates = keep(
        "relu-rates",
        {"-".join(map(str, shape)): functools.partial(choose, *shape) for shape in shapes},
        experiment="relu_vs_sigmoid",
        seeds="100 and 101",
    )
    keep(
        "relu-sweep",
        {"-".join(map(str, shape)): functools.partial(report, *shape, rates) for shape in shapes},
        experiment="relu_vs_sigmoid",
        seeds="0 to 9; the learning rates were chosen with seeds 100 and 101",
    )


def old_protocol(activation: str) -> list[Row]:
    """Train 784-50-50-10 as the old notebook did: SGD 0.01 on batches of 2,000 for 10 epochs."""
    splits = split_mnist()
    setting = Setting((50, 50), activation, optimizer="sgd", learning_rate=0.01, batch_size=2000, epochs=10)
    rows = run([setting], seeds=SEEDS, train=splits.train, held_out=splits.validation, at_once=5)
    return [_short(row, "epoch", "training_loss", "accuracy") for row in rows]


def choose(activation: str, depth: int, optimizer: str) -> list[Row]:
    """Train each initializer with each learning rate for 1,000 steps, judged on the validation images."""
    splits = split_mnist()
    settings = [
        setting(activation, depth, initializer, optimizer, rate)
        for initializer in INITIALIZERS
        for rate in RATES[optimizer]
    ]
    rows = run(settings, seeds=CHOOSING_SEEDS, train=splits.train, held_out=splits.validation, at_once=AT_ONCE)
    return [_short(row, "accuracy") for row in final(rows)]


def report(activation: str, depth: int, optimizer: str, rates: list[Row]) -> list[Row]:
    """Train each initializer with its best learning rate over all seeds, judged on the test images."""
    splits = split_mnist()
    settings = [
        setting(activation, depth, initializer, optimizer, best_rate(rates, activation, depth, initializer, optimizer))
        for initializer in INITIALIZERS
    ]
    # Two networks with one learning rate are two settings still: they differ in their initializer.
    rows = run(settings, seeds=SEEDS, train=splits.train, held_out=splits.test, at_once=AT_ONCE)
    return [_short(row, "accuracy", "loss", "gradient_rms", "saturated", "dead") for row in final(rows)]


def setting(activation: str, depth: int, initializer: str, optimizer: str, rate: float) -> Setting:
    """Return the network of one cell: one pass through 50,000 images in batches of 50 makes 1,000 steps."""
    return Setting((50,) * depth, activation, initializer, optimizer, rate, batch_size=50, epochs=1)


def best_rate(rates: list[Row], activation: str, depth: int, initializer: str, optimizer: str) -> float:
    """Return the learning rate with the best mean validation accuracy of one cell."""
    cell = {"activation": activation, "depth": depth, "initializer": initializer, "optimizer": optimizer}
    found = [row for row in rates if all(row[name] == value for name, value in cell.items())]
    return max(RATES[optimizer], key=lambda rate: np.mean([r["accuracy"] for r in found if r["learning_rate"] == rate]))


def _short(row: Row, *measured: str) -> Row:
    """Keep what tells the rows of a table apart, and the named measurements."""
    fields = {"depth": len(row["units"])}
    names = [f.name for f in dataclasses.fields(Setting) if f.name not in {"units", "batch_size", "epochs"}]
    return fields | {name: row[name] for name in (*names, "seed", *measured)}
