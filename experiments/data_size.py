"""Error and cost of two networks by the number of training images, under two rules for how long to train."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.runner import measure, save_table
from mnist_lessons.data import Split, load_mnist, split, split_mnist
from mnist_lessons.loops import adam_with_cosine_decay
from mnist_lessons.models import build_cnn, build_dense
from mnist_lessons.tables import Row

if TYPE_CHECKING:
    import keras

SEEDS = range(5)
SIZES = (1000, 2000, 4000, 8000, 16_000, 32_000)
ALL = 60_000
# A batch size that divides every size, so that 3 epochs are a whole number of steps.
BATCH_SIZE = 125
EPOCHS = 3
STEPS = EPOCHS * ALL // BATCH_SIZE
LEARNING_RATE = 0.003
STEPS_PER_EXECUTION = 12
NETWORKS: dict[str, Callable[..., Any]] = {"dense": build_dense, "CNN": build_cnn}


def main() -> None:
    """Make the table."""
    runs = [measure(train_all, name, seed) for seed in SEEDS for name in NETWORKS]
    seeds = "0 to 4; each draws its own images, weights and order"
    save_table("data-size", runs, experiment="data_size", seeds=seeds)


def train_all(network: str, seed: int) -> list[Row]:
    """Train one network on every size: for 3 epochs, and for as many steps as 3 epochs of all images take.

    Up to 32,000 images are drawn, stratified and for each size and seed by itself, from those that are not
    validation images. With all 60,000 the two rules are one, and no validation images are left.
    """
    splits = split_mnist()
    rows = []
    for images in SIZES:
        drawn = split(*splits.train, size=images, seed=seed)[1]
        for rule, steps in (("epochs", EPOCHS * images // BATCH_SIZE), ("steps", STEPS)):
            model, spent = train(network, drawn, steps=steps, seed=seed)
            errors = {
                "validation_error": error(model, *splits.validation),
                "test_error": error(model, *splits.test),
            }
            rows.append({"network": network, "images": images, "rule": rule, "seed": seed, **spent, **errors})
    model, spent = train(network, load_mnist()[0], steps=STEPS, seed=seed)
    errors = {"validation_error": float("nan"), "test_error": error(model, *splits.test)}
    return [*rows, {"network": network, "images": ALL, "rule": "both", "seed": seed, **spent, **errors}]


def train(network: str, examples: Split, *, steps: int, seed: int) -> tuple["keras.Model", Row]:
    """Return a network trained for a number of steps, and the CPU seconds that it took.

    ``startup_seconds`` is what the first steps took more than later ones: building and compiling the step.
    """
    import keras
    import tensorflow as tf

    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    batches = tf.data.Dataset.from_tensor_slices(examples).shuffle(len(examples[1]), seed=seed).repeat()
    model, clock = NETWORKS[network](), _clock()
    start = time.process_time()
    model.compile(
        optimizer=adam_with_cosine_decay(LEARNING_RATE, steps),
        loss="sparse_categorical_crossentropy",
        steps_per_execution=STEPS_PER_EXECUTION,
    )
    batches = batches.batch(BATCH_SIZE).prefetch(2)
    model.fit(batches, steps_per_epoch=steps, shuffle=False, verbose=0, callbacks=[clock])
    spent = time.process_time() - start
    # The last call ends the training; what comes before the first is the start, apart from its own steps.
    later = (clock.calls[-1] - clock.calls[0]) / (steps - STEPS_PER_EXECUTION)
    startup = clock.calls[0] - start - STEPS_PER_EXECUTION * later
    return model, {"steps": steps, "startup_seconds": startup, "cpu_seconds": spent}


def error(model: "keras.Model", images: np.ndarray, labels: np.ndarray) -> float:
    """Return the percentage of images that a network gets wrong."""
    pieces = [model(images[start : start + 1000], training=False) for start in range(0, len(images), 1000)]
    answers = np.concatenate([np.argmax(piece, axis=1) for piece in pieces])
    return 100 * float(np.mean(answers != labels))


def _clock() -> Any:
    """Return a callback that notes the CPU time after each call of the compiled steps."""
    import keras

    class CallClock(keras.callbacks.Callback):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.calls: list[float] = []

        def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
            self.calls.append(time.process_time())

    return CallClock()
