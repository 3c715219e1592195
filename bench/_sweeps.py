"""Many networks of one shape, 784-50-50-10 by plain SGD: by `fit` in a loop and by `sweeps.run`.

The seconds are those for one network.
"""

import functools
from collections.abc import Sequence

import numpy as np

RATES = (0.1, 0.03, 0.05, 0.2, 0.3)


def fit_in_a_loop(batch_size: int, epochs: int, seed: int, clock) -> dict:
    """Two networks by `fit`, one after the other."""
    import keras

    from mnist_lessons.data import split_mnist

    train, validation, _ = split_mnist()
    accuracies = []
    clock.start()
    for number in range(2):
        keras.utils.set_random_seed(number)
        layers = [keras.layers.Dense(50, "relu"), keras.layers.Dense(50, "relu"), keras.layers.Dense(10, "softmax")]
        before = [keras.Input((28, 28), dtype="uint8"), keras.layers.Rescaling(1 / 255), keras.layers.Flatten()]
        model = keras.Sequential([*before, *layers])
        model.compile(keras.optimizers.SGD(RATES[0]), "sparse_categorical_crossentropy", metrics=["accuracy"])
        history = model.fit(*train, batch_size=batch_size, epochs=epochs, validation_data=validation, verbose=0)
        accuracies.append(history.history["val_accuracy"][-1])
    clock.stop()
    clock.cpu /= len(accuracies)
    clock.wall /= len(accuracies)
    return {"accuracy": float(np.mean(accuracies))}


def sweep(batch_size: int, epochs: int, rates: Sequence[float], seed: int, clock) -> dict:
    """Each learning rate with ten seeds by `run`; the accuracy is that of the first rate."""
    from mnist_lessons import data, sweeps

    train, validation, _ = data.split_mnist()
    settings = [sweeps.Setting((50, 50), learning_rate=rate, batch_size=batch_size, epochs=epochs) for rate in rates]
    clock.start()
    rows = sweeps.final(sweeps.run(settings, seeds=range(10), train=train, evaluation=validation))
    clock.stop()
    clock.cpu /= len(rows)
    clock.wall /= len(rows)
    return {"accuracy": float(np.mean([row["accuracy"] for row in rows if row["learning_rate"] == rates[0]]))}


RUNS = {
    "fit-32": functools.partial(fit_in_a_loop, 32, 1),
    "fit-2000": functools.partial(fit_in_a_loop, 2000, 10),
    "seeds-32": functools.partial(sweep, 32, 1, RATES[:1]),
    "seeds-2000": functools.partial(sweep, 2000, 10, RATES[:1]),
    "rates-32": functools.partial(sweep, 32, 1, RATES),
    "rates-2000": functools.partial(sweep, 2000, 10, RATES),
}
