"""Two trainings of the chapter `train`, recorded for the widget that shows them step by step, and stored."""

import contextlib
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from folders import ROOT
from mnist_lessons import data
from mnist_lessons.fingerprint import fingerprint
from mnist_lessons.models import build_dense
from mnist_lessons.store import lock, moved_when_whole, store_folder

IMAGES, BATCH_SIZE, EPOCHS = 10_000, 32, 3
# Dense at first, where most happens; 313 and 626 steps are one epoch and two.
STEPS = (0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 313, 450, 626, 939)
WATCHED = 1000  # validation images whose probabilities are kept


class Recording(NamedTuple):
    """A training of 784-128-128-10 as it was after each of `STEPS`.

    `loss` and `accuracy` (moments, 2) are those of the training and of the validation images, `alive` (moments, 2, 128)
    bool tells of each unit of the hidden layers whether some training image gets a positive output from it, `kernels`
    (moments, 784, 128) float32 are the first layer's weights, and `probabilities` (moments, 1000, 10) float32 what the
    network says of the first validation images.
    """

    loss: np.ndarray
    accuracy: np.ndarray
    alive: np.ndarray
    kernels: np.ndarray
    probabilities: np.ndarray


def load_or_record(learning_rate: float) -> Recording:
    """Return the recording of a training, made at most once on this machine, as `load_or_train` does with models."""
    key = fingerprint(source(), packages=[ROOT / "mnist_lessons"], libraries=["tensorflow"], extra=str(learning_rate))
    file = store_folder() / f"training-{learning_rate:g}-{key[:16]}.npz"
    with lock(file):
        # A file that is damaged is written again.
        damages = (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile)
        with contextlib.suppress(*damages), file.open("rb") as opened, np.load(opened) as stored:
            return Recording(**{name: stored[name] for name in Recording._fields})
        recording = record(learning_rate)
        with moved_when_whole(file, file.with_suffix(".part.npz")) as part:
            np.savez(part, **recording._asdict())
    return recording


def source() -> str:
    """Return this module's code, on which what is recorded rests."""
    return Path(__file__).read_text(encoding="utf-8")


def record(learning_rate: float) -> Recording:
    """Train as the chapter does where it compares learning rates, and measure after the steps of `STEPS`."""
    import keras

    (images, labels), validation, _ = data.split_mnist(seed=0)
    chosen = np.random.default_rng(seed=0).permutation(len(images))[:IMAGES]
    train = images[chosen], labels[chosen]
    keras.utils.set_random_seed(0)
    model = build_dense()
    model.compile(keras.optimizers.SGD(learning_rate), loss="sparse_categorical_crossentropy")
    inputs = [(_flatten(split[0]), split[1]) for split in (train, validation)]
    measured = [measure(model.get_weights(), *inputs)]

    def look(batch: int, logs: Any) -> None:
        if int(model.optimizer.iterations) in STEPS:
            measured.append(measure(model.get_weights(), *inputs))

    look_on = keras.callbacks.LambdaCallback(on_train_batch_end=look)
    model.fit(*train, batch_size=BATCH_SIZE, epochs=EPOCHS, verbose=0, callbacks=[look_on])
    return Recording(*(np.stack(each) for each in zip(*measured, strict=True)))


def _flatten(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1).astype(np.float32) / 255


def measure(weights: list[np.ndarray], train: data.Split, validation: data.Split) -> tuple[Any, ...]:
    """Return one moment of a `Recording` from the six weights of a network and from flat images (n, 784), 0 to 1."""
    (hidden, outputs), (_, outputs_validation) = (_forward(weights, split[0]) for split in (train, validation))
    both = [
        _loss_and_accuracy(values, split[1]) for values, split in ((outputs, train), (outputs_validation, validation))
    ]
    loss, accuracy = np.transpose(both)
    alive = np.array([(layer > 0).any(axis=0) for layer in hidden])
    return loss, accuracy, alive, weights[0], np.exp(outputs_validation[:WATCHED])


def _forward(weights: list[np.ndarray], inputs: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
    """Return the outputs of both hidden layers, and the logarithms of the probabilities (n, 10)."""
    hidden = []
    for kernel, bias in zip(weights[:-2:2], weights[1:-2:2], strict=True):
        inputs = np.maximum(inputs @ kernel + bias, 0)
        hidden.append(inputs)
    sums = inputs @ weights[-2] + weights[-1]
    sums -= sums.max(axis=1, keepdims=True)
    return hidden, sums - np.log(np.exp(sums).sum(axis=1, keepdims=True))


def _loss_and_accuracy(logarithms: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    right = logarithms[np.arange(len(labels)), labels]
    return float(-right.mean(dtype=np.float64)), float(np.mean(logarithms.argmax(axis=1) == labels))
