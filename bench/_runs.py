"""One training run in a process of its own: ``python -m bench._runs NAME SEED`` prints what it took as JSON.

The process pins itself to one core. CPU seconds and wall time are those of training, without imports and data;
the peak memory is that of the whole process. The baselines are written from public descriptions.
"""

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

import mnist_lessons  # noqa: F401  before TensorFlow, which is then silent

ROOT = Path(__file__).resolve().parents[1]


def measured(name: str, seed: int = 0) -> dict:
    """Return ``cpu``, ``wall`` (seconds), ``peak`` (MB) and what the run itself reports."""
    command = [sys.executable, "-m", "bench._runs", name, str(seed)]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def old_fit(seed: int, clock: "Clock") -> dict:
    """The old notebook as described: float64 inputs standardized with the test images, one-hot labels, 25 epochs."""
    import keras

    from mnist_lessons.data import load_mnist, one_hot

    keras.utils.set_random_seed(seed)
    (images, labels), (images_test, labels_test) = load_mnist()
    mean, deviation = images_test.mean(), images_test.std()
    standardized = (images.reshape(-1, 784) - mean) / deviation
    standardized_test = (images_test.reshape(-1, 784) - mean) / deviation
    layers = [keras.layers.Dense(128, "relu"), keras.layers.Dense(128, "relu"), keras.layers.Dense(10, "softmax")]
    model = keras.Sequential([keras.Input((784,)), *layers])
    model.compile(keras.optimizers.SGD(0.01), "categorical_crossentropy", metrics=["accuracy"])
    clock.start()
    model.fit(standardized, one_hot(labels), batch_size=32, epochs=25, verbose=0)
    clock.stop()
    return {"accuracy": model.evaluate(standardized_test, one_hot(labels_test), verbose=0)[1]}


def old_compiled(seed: int, clock: "Clock") -> dict:
    """The same recipe as the chapter `train` runs it."""
    from mnist_lessons.training import train_old_recipe

    return book_recipe(train_old_recipe, seed, clock)


def dense(seed: int, clock: "Clock") -> dict:
    """The book's dense network."""
    from mnist_lessons.training import train_dense

    return book_recipe(train_dense, seed, clock)


def cnn(seed: int, clock: "Clock") -> dict:
    """The book's convolutional network."""
    from mnist_lessons.training import train_cnn

    return book_recipe(train_cnn, seed, clock)


def book_recipe(recipe, seed: int, clock: "Clock") -> dict:
    from mnist_lessons.data import load_mnist

    images_test, labels_test = load_mnist()[1]
    clock.start()
    model, _ = recipe(seed=seed)
    clock.stop()
    answers = model.predict(images_test, batch_size=1000, verbose=0).argmax(axis=1)
    return {"accuracy": float(np.mean(answers == labels_test))}


def convnet(seed: int, clock: "Clock") -> dict:
    """Keras's example mnist_convnet, 15 epochs; its test accuracy by epoch is logged, off the clock."""
    import keras

    from mnist_lessons.data import load_mnist, one_hot

    keras.utils.set_random_seed(seed)
    (images, labels), (images_test, labels_test) = load_mnist()
    images, images_test = (a[..., np.newaxis].astype("float32") / 255 for a in (images, images_test))
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Conv2D(32, 3, activation="relu"),
            keras.layers.MaxPooling2D(2),
            keras.layers.Conv2D(64, 3, activation="relu"),
            keras.layers.MaxPooling2D(2),
            keras.layers.Flatten(),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    accuracies, seconds = [], []
    for _ in range(15):
        clock.start()
        model.fit(images, one_hot(labels), batch_size=128, epochs=1, validation_split=0.1, verbose=0)
        clock.stop()
        seconds.append(clock.cpu)
        accuracies.append(model.evaluate(images_test, one_hot(labels_test), verbose=0)[1])
    first = next((spent for spent, accuracy in zip(seconds, accuracies, strict=True) if accuracy >= 0.99), None)
    return {"accuracy": accuracies[-1], "accuracies": accuracies, "cpu_to_99": first}


def sweep(batch_size: int, epochs: int, how: str, clock: "Clock") -> dict:
    """784-50-50-10 by plain SGD, ten networks by `run` or two by `fit`; seconds for one network."""
    import keras

    from mnist_lessons import data, experiments, models

    train, validation, _ = data.split_mnist()
    setting = experiments.Setting((50, 50), learning_rate=0.1, batch_size=batch_size, epochs=epochs)
    clock.start()
    if how == "run":
        rows = experiments.run([setting], seeds=range(10), train=train, held_out=validation)
        accuracies = [row["accuracy"] for row in experiments.final(rows)]
    else:
        accuracies = []
        for seed in range(2):
            keras.utils.set_random_seed(seed)
            model = models.build_dense((50, 50))
            model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy", metrics=["accuracy"])
            history = model.fit(*train, batch_size=batch_size, epochs=epochs, validation_data=validation, verbose=0)
            accuracies.append(history.history["val_accuracy"][-1])
    clock.stop()
    clock.cpu /= len(accuracies)
    clock.wall /= len(accuracies)
    return {"accuracy": float(np.mean(accuracies))}


class Clock:
    """Adds up the CPU and wall seconds between `start` and `stop`."""

    def __init__(self) -> None:
        self.cpu = self.wall = 0.0

    def start(self) -> None:
        self._cpu, self._wall = time.process_time(), time.perf_counter()

    def stop(self) -> None:
        self.cpu += time.process_time() - self._cpu
        self.wall += time.perf_counter() - self._wall


RUNS = {
    "old-fit": old_fit,
    "old-compiled": old_compiled,
    "dense": dense,
    "cnn": cnn,
    "convnet": convnet,
    "fit-32": lambda seed, clock: sweep(32, 1, "fit", clock),
    "run-32": lambda seed, clock: sweep(32, 1, "run", clock),
    "fit-2000": lambda seed, clock: sweep(2000, 10, "fit", clock),
    "run-2000": lambda seed, clock: sweep(2000, 10, "run", clock),
}


def main(name: str, seed: int) -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    import tensorflow as tf

    tf.zeros(1)
    clock = Clock()
    found = RUNS[name](seed, clock)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
    print(json.dumps({"cpu": clock.cpu, "wall": clock.wall, "peak": peak, **found}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
