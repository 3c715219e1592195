"""The dense network and the CNN, each trained on digits as they are and on digits moved and turned at random."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from experiments.runner import Run, measure, save_table
from mnist_lessons import models
from mnist_lessons.augmentation import augment, rotate, shift
from mnist_lessons.data import Split, split_mnist
from mnist_lessons.evaluation import confusion_matrix
from mnist_lessons.loops import adam_with_cosine_decay
from mnist_lessons.tables import Row

SEEDS = range(5)
NETWORKS: dict[str, Callable[..., Any]] = {"dense": models.build_dense, "cnn": models.build_cnn}
# What is sampled for each image in each epoch. The last turns about the middle of the image, half a pixel
# off the center of the digits.
TRAININGS: dict[str, dict[str, Any]] = {
    "none": {},
    "gentle": {"degrees": 10, "pixels": 1},
    "rotation": {"degrees": 30},
    "shift": {"pixels": 3},
    "both": {"degrees": 30, "pixels": 3},
    "all angles": {"degrees": 180},
    "off center": {"degrees": 180, "pivot": 13.5},
}
# What only one of the two networks is trained on: the CNN costs four times as much.
DENSE_ONLY = ("rotation", "shift")
# The length of the book's recipes, and for some dense networks three times that.
EPOCHS, LONG = 6, 18
LONG_TRAININGS = ("none", "both")
# Of these trainings the second table says which digits are taken for which.
PAIRS_OF = ("none", "all angles", "off center")
ANGLES = (0, 15, 30, 45, 60, 90, 135, 180)
SHIFTS = (1, 2, 3, 4, 5)


def main() -> None:
    """Make the two tables."""
    cases = [
        (network, seed, training, EPOCHS)
        for seed, network, training in itertools.product(SEEDS, NETWORKS, TRAININGS)
        if network == "dense" or training not in DENSE_ONLY
    ]
    longer = [("dense", seed, training, LONG) for seed, training in itertools.product(SEEDS, LONG_TRAININGS)]
    runs = {case: measure(train, *case) for case in cases + longer}
    rows = [row for case, run in runs.items() for row in accuracies(*case, run)]
    save_table("augmentation", [*runs.values()], rows=rows, experiment="augmentation", seeds="0 to 4")
    rows = [row for case in cases if case[2] in PAIRS_OF for row in pairs(*case, runs[case])]
    # Both tables come from the same runs, and either costs all of them.
    seeds = "0 to 4, the same networks as in the table augmentation"
    save_table("augmentation-pairs", [*runs.values()], rows=rows, experiment="augmentation", seeds=seeds)


def accuracies(network: str, seed: int, training: str, epochs: int, run: Run) -> list[Row]:
    """Return a trained network's accuracy on each set of images, and how it takes sixes and nines for each other."""
    case = {"network": network, "training": training, "epochs": epochs, "seed": seed}
    rows = []
    for change, amount, matrix in run.result:
        matrix = np.array(matrix)
        shares = matrix / matrix.sum(axis=1, keepdims=True)
        measured = {
            "accuracy": np.trace(matrix) / matrix.sum(),
            "six_as_nine": shares[6, 9],
            "nine_as_six": shares[9, 6],
        }
        rows.append(case | {"change": change, "amount": amount} | measured)
    return rows


def pairs(network: str, seed: int, training: str, epochs: int, run: Run) -> list[Row]:
    """Return how often each digit is taken for each: upside down, and turned by any angle about either point."""
    case = {"network": network, "training": training, "seed": seed}
    return [
        case | {"change": change, "amount": amount, "digit": digit, "taken_for": tuple(row)}
        for change, amount, matrix in run.result
        if amount == 180
        for digit, row in enumerate(matrix)
    ]


def train(network: str, seed: int, training: str, epochs: int) -> list[tuple[str, int, np.ndarray]]:
    """Train a network and return its confusion matrix on each set of images, after the change and its amount."""
    import keras

    splits = split_mnist()
    keras.utils.set_random_seed(seed)
    model = NETWORKS[network]()
    fit(model, splits.train, seed=seed, epochs=epochs, **TRAININGS[training])
    found = []
    for name, (images, labels) in (changed_sets() | {("validation", 0): splits.validation}).items():
        predicted_labels = model.predict(images, batch_size=1000, verbose=0).argmax(axis=1)
        found.append((*name, confusion_matrix(labels, predicted_labels)))
    return found


def fit(model: Any, train: Split, *, seed: int, epochs: int, **drawn: Any) -> None:
    """Train as `loops.compile_and_fit` does, at the rate of the book's recipes, on images augmented in each epoch."""
    images, labels = train
    model.compile(
        optimizer=adam_with_cosine_decay(0.003, steps=epochs * -(-len(images) // 128)),
        loss="sparse_categorical_crossentropy",
        steps_per_execution=10,
    )
    generator = np.random.default_rng(seed)
    for _ in range(epochs):
        model.fit(augment(images, generator=generator, **drawn), labels, batch_size=128, verbose=0)


def changed_sets() -> dict[tuple[str, int], Split]:
    """Return the test images turned to either side, moved in one of four directions, and turned by any angle.

    The side, the direction and the angle of each image are drawn once, and are the same for all networks.
    """
    images, labels = split_mnist().test
    generator = np.random.default_rng(0)
    side = generator.choice([-1, 1], len(images))
    down, right = np.array([(0, 1), (0, -1), (1, 0), (-1, 0)])[generator.integers(4, size=len(images))].T
    sets = {("rotation", angle): rotate(images, degrees=side * angle) for angle in ANGLES}
    sets |= {("shift", far): shift(images, down=far * down, right=far * right) for far in SHIFTS}
    angles = generator.uniform(-180, 180, len(images))
    sets["any angle", 180] = rotate(images, degrees=angles)
    sets["off center", 180] = rotate(images, degrees=angles, pivot=13.5)
    return {name: (changed, labels) for name, changed in sets.items()}
