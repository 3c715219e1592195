"""The recipes of the book as they are measured: trained by the functions that the chapters show."""

import functools

import numpy as np


def recipe(name: str, seed: int, clock) -> dict:
    """Train by a recipe of `mnist_lessons.recipes` on all training images."""
    from mnist_lessons import recipes
    from mnist_lessons.data import load_mnist

    train = load_mnist()[0]
    clock.start()
    model, _ = getattr(recipes, name)(seed=seed, train=train)
    clock.stop()
    return {"accuracy": test_accuracy(model)}


def test_accuracy(model) -> float:
    """Look at the test images, after training and off the clock."""
    from mnist_lessons.data import load_mnist

    images_test, labels_test = load_mnist()[1]
    answers = model.predict(images_test, batch_size=1000, verbose=0).argmax(axis=1)
    return float(np.mean(answers == labels_test))


RUNS = {
    "old-compiled": functools.partial(recipe, "train_old_recipe"),
    "fast-dense": functools.partial(recipe, "fast_dense"),
    "fast-98": functools.partial(recipe, "fast_98"),
    "fast-99": functools.partial(recipe, "fast_99"),
    "fast-995": functools.partial(recipe, "fast_995"),
    "best": functools.partial(recipe, "best"),
}
