"""What training by this book costs: by its recipes, as the chapters show them, and of many networks at once.

Each run returns what a clock said of the training alone, without imports and data, and the accuracy.
"""

from typing import Any

import numpy as np

from experiments.clock import Clock

RATES = (0.1, 0.03, 0.05, 0.2, 0.3)


def train(recipe: str, seed: int) -> dict[str, Any]:
    """Train by a recipe of `mnist_lessons.recipes` on all training images; the test images come after the clock."""
    import keras  # noqa: F401
    import tensorflow as tf

    from mnist_lessons import recipes
    from mnist_lessons.data import load_mnist

    tf.zeros(1)  # so that TensorFlow's own start is not on the clock
    imported = Clock().peak_mb
    train, (images_test, labels_test) = load_mnist()
    with Clock() as clock:
        model, _ = getattr(recipes, recipe)(seed=seed, train=train)
    predicted_labels = model.predict(images_test, batch_size=1000, verbose=0).argmax(axis=1)
    correct = float(np.mean(predicted_labels == labels_test))
    return {**clock.figures(), "import_mb": imported, "accuracy": correct}


def train_stacked(batch_size: int, epochs: int, rate_count: int, repetition: int) -> dict[str, Any]:
    """Train 784-50-50-10 with ten seeds for each of so many learning rates by `sweeps.run`.

    The seconds are those for one network; the accuracy is that of the first rate.
    """
    import tensorflow as tf

    from mnist_lessons import data, sweeps

    train, validation, _ = data.split_mnist()
    tf.zeros(1)
    settings = [
        sweeps.Setting((50, 50), learning_rate=rate, batch_size=batch_size, epochs=epochs)
        for rate in RATES[:rate_count]
    ]
    with Clock() as clock:
        rows = sweeps.final(sweeps.run(settings, seeds=range(10), train=train, evaluation=validation))
    accuracy = np.mean([row["accuracy"] for row in rows if row["learning_rate"] == RATES[0]])
    return {**clock.figures(len(rows)), "accuracy": float(accuracy)}
