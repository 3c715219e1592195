"""What chose the settings of the book's own recipes: each as it is, but for one setting, on the validation images.

`recipes.best` is not among them, because one training takes minutes: it takes its rate over from `recipes.fast_995`.
"""

import contextlib
import inspect
from collections.abc import Iterator
from typing import Any
from unittest import mock

import keras
import numpy as np

from experiments.autoencoder import with_noise_of_any_level
from experiments.clock import Clock
from experiments.runner import Run, measure, save_table
from mnist_lessons import recipes
from mnist_lessons.data import split_mnist
from mnist_lessons.evaluation import root_mean_square_error
from mnist_lessons.models import denoise
from mnist_lessons.tables import Row

# The seeds that choose a setting are not those that are reported.
SEEDS = range(100, 103)
# What is tried of a setting: half, once and twice what the recipe has, and further where an end of these is the best.
FACTOR = 2
# By recipe and setting: where the setting goes, a function that the recipe calls, and the name of its argument.
SETTINGS: dict[tuple[str, str], tuple[Any, str, str]] = {
    ("fast_98", "peak rate"): (recipes, "fit_fast", "peak_rate"),
    ("fast_99", "peak rate"): (recipes, "fit_fast", "peak_rate"),
    ("fast_dense", "peak rate"): (recipes, "fit_fast", "peak_rate"),
    ("train_sigmoid", "learning rate"): (recipes, "compile_and_fit", "learning_rate"),
    ("train_cnn", "learning rate"): (recipes, "compile_and_fit", "learning_rate"),
    ("train_autoencoder", "learning rate"): (recipes, "adam_with_cosine_decay", "learning_rate"),
    ("fast_995", "peak rate"): (recipes, "fit_fast", "peak_rate"),
    ("train_cnn", "dropout"): (keras.layers, "Dropout", "rate"),
}


def main() -> None:
    """Make the table."""
    runs = [run for recipe, setting in SETTINGS for run in choose(recipe, setting)]
    save_table("recipe-choices", runs, experiment="recipe_choices", seeds="100 to 102")


def choose(recipe: str, setting: str) -> list[Run]:
    """Try a setting around the value that the recipe has, until no end of what was tried is the best."""
    tried, best = [0], 0
    while best in (min(tried), max(tried)):
        tried = [*range(min(*tried, best - 1), max(*tried, best + 1) + 1)]
        runs = [measure(train, recipe, setting, power) for power in tried]
        best = min(tried, key=lambda power: np.mean([row["error"] for row in runs[tried.index(power)].result]))
    return runs


def train(recipe: str, setting: str, power: int) -> list[Row]:
    """Train by a recipe with a setting times a power of `FACTOR`, seed by seed.

    The error of a classifier is the number of validation images that it gets wrong of 10,000, that of the autoencoder
    the root mean square of what restored validation images are off, in gray levels.
    """
    rows = []
    for seed in SEEDS:
        with turned(*SETTINGS[recipe, setting], FACTOR**power) as values, Clock() as clock:
            error = train_and_judge(recipe, seed)
        used, tried = values[-1]
        seconds = round(clock.cpu_seconds, 1)
        found = {"value": tried, "used": used, "seed": seed, "error": error, "cpu_seconds": seconds}
        rows.append({"recipe": recipe, "setting": setting, **found})
    return rows


def train_and_judge(recipe: str, seed: int) -> float:
    """Train by a recipe on the 50,000 images and return its error on the validation images."""
    train, (images, labels), _ = split_mnist()
    if recipe == "train_autoencoder":
        model = recipes.train_autoencoder(train[0], seed=seed)
        return root_mean_square_error(images, denoise(model, with_noise_of_any_level(images)))
    options = {"train": train} if "fast" in recipe else {}
    model, _ = getattr(recipes, recipe)(seed=seed, **options)
    return int((model.predict(images, batch_size=1000, verbose=0).argmax(axis=1) != labels).sum())


@contextlib.contextmanager
def turned(place: Any, function: str, argument: str, factor: float) -> Iterator[list[tuple[float, float]]]:
    """Multiply an argument at each call of a function by a factor; yield a list of the values before and after."""
    original = getattr(place, function)
    values: list[tuple[float, float]] = []

    def turn(*args: Any, **options: Any) -> Any:
        call = inspect.signature(original).bind(*args, **options)
        call.apply_defaults()
        before = call.arguments[argument]
        call.arguments[argument] = before * factor
        values.append((before, before * factor))
        return original(*call.args, **call.kwargs)

    with mock.patch.object(place, function, turn):
        yield values
