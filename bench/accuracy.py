"""What the book's networks reach on the test set: the median of five seeds."""

import functools
import statistics

from bench import Row
from mnist_lessons import data, recipes
from mnist_lessons.store import Recipe, load_or_train

SEEDS = range(5)


def rows() -> list[Row]:
    """Return a row for each network."""
    return [
        Row("dense 784-128-128-10", "% correct", "ours >= 97.8", functools.partial(median, recipes.train_dense)),
        Row("CNN", "% correct", "ours >= 99.2", functools.partial(median, recipes.train_cnn)),
    ]


def median(recipe: Recipe) -> dict:
    """Return the median test accuracy in percent, with the figure of each seed as a note."""
    test = data.load_mnist()[1]
    reached = [100 * load_or_train(recipe, seed=seed).evaluate(*test, verbose=0)[1] for seed in SEEDS]
    return {"ours": statistics.median(reached), "seeds": list(SEEDS), "note": ", ".join(f"{a:.2f}" for a in reached)}
