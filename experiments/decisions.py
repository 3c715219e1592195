"""What each decision of the book buys on the validation images: the rows of its decision log."""

from collections.abc import Callable
from typing import Any

import numpy as np

from experiments import augmentation
from experiments.runner import measure, save_table
from mnist_lessons.data import split_mnist
from mnist_lessons.loops import compile_and_fit
from mnist_lessons.models import build_dense
from mnist_lessons.recipes import fast_995, train_cnn, train_dense
from mnist_lessons.tables import Row

SEEDS = range(5)
# The seeds that choose a learning rate are not those that are reported.
CHOOSING = range(100, 103)
RATES = (0.002, 0.004, 0.008, 0.016, 0.032)
# What no recipe of the book trains, and so needs a rate: no hidden layer, and sigmoid in the place of ReLU.
BUILDERS: dict[str, Callable[[], Any]] = {
    "linear": lambda: build_dense(()),
    "sigmoid": lambda: build_dense(activation="sigmoid"),
}


def main(*names: str) -> None:
    """Make the table; with names of decisions only their rows, and keep the rest as it is stored."""
    wanted = names or (*BUILDERS, *TRAININGS)
    runs = [measure(choose_and_train if name in BUILDERS else train, name) for name in wanted]
    save_table("decisions", runs, experiment="decisions", seeds="0 to 4; 100 to 102 choose rates", renewed=names)


def choose_and_train(name: str) -> list[Row]:
    """Return a row a seed at the learning rate that gets the most validation images right with other seeds."""

    def accuracy(rate: float, seed: int) -> float:
        import keras

        keras.utils.set_random_seed(seed)
        return compile_and_fit(BUILDERS[name](), learning_rate=rate, epochs=6)["val_accuracy"][-1]

    best = max(RATES, key=lambda rate: np.mean([accuracy(rate, seed) for seed in CHOOSING]))
    return [row(name, seed, accuracy(best, seed), rate=best) for seed in SEEDS]


def train(name: str) -> list[Row]:
    """Return a row a seed; what draws nothing at random has one row."""
    images, labels = split_mnist().validation
    seeds = (0,) if name in ("majority", "means") else SEEDS
    return [row(name, seed, float((TRAININGS[name](seed, images) == labels).mean())) for seed in seeds]


def row(name: str, seed: int, accuracy: float, *, rate: float | str = "") -> Row:
    """Return one row of the table."""
    return {"decision": name, "seed": seed, "learning_rate": rate, "accuracy": accuracy}


def majority(_: int, images: np.ndarray) -> np.ndarray:
    """Answer the digit that is most frequent among the training labels."""
    return np.full(len(images), np.bincount(split_mnist().train[1]).argmax())


def means(_: int, images: np.ndarray) -> np.ndarray:
    """Answer the digit whose mean training image has the smallest squared distance."""
    known, labels = split_mnist().train
    centers = np.stack([known[labels == digit].mean(axis=0, dtype="float64").ravel() for digit in range(10)])
    given = images.reshape(len(images), -1).astype("float64")
    return np.asarray(((centers**2).sum(axis=1) - 2 * given @ centers.T).argmin(axis=1))


def untrained(seed: int, images: np.ndarray) -> np.ndarray:
    """Answer with the dense network's initial weights."""
    import keras

    keras.utils.set_random_seed(seed)
    return answers(build_dense(), images)


def augmented(seed: int, images: np.ndarray) -> np.ndarray:
    """Train the CNN as the chapter on augmentation does, on gently changed digits."""
    import keras

    keras.utils.set_random_seed(seed)
    model = augmentation.NETWORKS["cnn"]()
    drawn = augmentation.TRAININGS["gentle"]
    augmentation.fit(model, split_mnist().train, seed=seed, epochs=augmentation.EPOCHS, **drawn)
    return answers(model, images)


def answers(model: Any, images: np.ndarray) -> np.ndarray:
    """Return the most probable digit of each image."""
    return np.asarray(model.predict(images, batch_size=1000, verbose=0).argmax(axis=1))


TRAININGS: dict[str, Callable[[int, np.ndarray], np.ndarray]] = {
    "majority": majority,
    "means": means,
    "untrained": untrained,
    "dense": lambda seed, images: answers(train_dense(seed=seed)[0], images),
    "cnn": lambda seed, images: answers(train_cnn(seed=seed)[0], images),
    "augmented": augmented,
    "fast": lambda seed, images: answers(fast_995(seed=seed, train=split_mnist().train)[0], images),
}
