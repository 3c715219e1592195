"""What the book's networks reach on the test set: the median of five seeds."""

import functools
import statistics

from bench import Figures, Row
from experiments.runner import measure
from mnist_lessons import data, recipes
from mnist_lessons.store import load_or_train

SEEDS = range(5)


def rows() -> list[Row]:
    """Return a row for each network."""
    return [
        Row("dense 784-128-128-10", "% correct", "ours >= 97.8", functools.partial(median, "train_dense")),
        Row("CNN", "% correct", "ours >= 99.2", functools.partial(median, "train_cnn")),
    ]


def median(recipe: str) -> Figures:
    """Return the median test accuracy in percent, with the figure of each seed as a note."""
    reached = [measure(test_accuracy, recipe, seed).result for seed in SEEDS]
    return {"ours": statistics.median(reached), "note": ", ".join(f"{accuracy:.2f}" for accuracy in reached)}


def test_accuracy(recipe: str, seed: int) -> float:
    """Return the percentage of test images that the model of a recipe gets right; it is trained if it is not stored."""
    model = load_or_train(getattr(recipes, recipe), seed=seed)
    return 100 * float(model.evaluate(*data.load_mnist()[1], verbose=0)[1])
