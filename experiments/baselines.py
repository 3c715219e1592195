"""What training by this book is compared with, written from public descriptions.

Each run returns what a clock said of the training alone, without imports and data, and the accuracy.
"""

from typing import Any

import numpy as np

from experiments.clock import Clock


def old_notebook(seed: int) -> dict[str, Any]:
    """Train as the old notebook is described: float64 inputs standardized with the test images, one-hot labels."""
    import keras
    import tensorflow as tf

    from mnist_lessons.data import load_mnist, one_hot

    tf.zeros(1)
    imported = Clock().peak_mb
    keras.utils.set_random_seed(seed)
    (images, labels), (images_test, labels_test) = load_mnist()
    mean, deviation = images_test.mean(), images_test.std()
    standardized = (images.reshape(-1, 784) - mean) / deviation
    standardized_test = (images_test.reshape(-1, 784) - mean) / deviation
    layers = [keras.layers.Dense(128, "relu"), keras.layers.Dense(128, "relu"), keras.layers.Dense(10, "softmax")]
    model = keras.Sequential([keras.Input((784,)), *layers])
    model.compile(keras.optimizers.SGD(0.01), "categorical_crossentropy", metrics=["accuracy"])
    with Clock() as clock:
        model.fit(standardized, one_hot(labels), batch_size=32, epochs=25, verbose=0)
    correct = model.evaluate(standardized_test, one_hot(labels_test), verbose=0)[1]
    return {**clock.figures(), "import_mb": imported, "accuracy": correct}


def convnet(seed: int) -> dict[str, Any]:
    """Train Keras's example mnist_convnet for 15 epochs; its test accuracy by epoch is logged, off the clock."""
    import keras
    import tensorflow as tf

    from mnist_lessons.data import load_mnist, one_hot

    tf.zeros(1)
    imported = Clock().peak_mb
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
    clock, accuracies, spent = Clock(), [], []
    for _ in range(15):
        with clock:
            model.fit(images, one_hot(labels), batch_size=128, epochs=1, validation_split=0.1, verbose=0)
        spent.append((clock.cpu_seconds, clock.wall_seconds))
        accuracies.append(model.evaluate(images_test, one_hot(labels_test), verbose=0)[1])
    first = next((so_far for so_far, accuracy in zip(spent, accuracies, strict=True) if accuracy >= 0.99), (None, None))
    reached = {"accuracy": accuracies[-1], "accuracies": accuracies, "cpu_to_99": first[0], "wall_to_99": first[1]}
    return {**clock.figures(), "import_mb": imported, **reached}


def fit_in_a_loop(batch_size: int, epochs: int, repetition: int) -> dict[str, Any]:
    """Train two networks 784-50-50-10 by plain SGD and `fit` in turn; the seconds are those for one."""
    import keras
    import tensorflow as tf

    from mnist_lessons.data import split_mnist

    train, validation, _ = split_mnist()
    tf.zeros(1)  # so that TensorFlow's own start is not on the clock
    accuracies = []
    with Clock() as clock:
        for seed in range(2):
            keras.utils.set_random_seed(seed)
            layers = [keras.layers.Dense(50, "relu"), keras.layers.Dense(50, "relu"), keras.layers.Dense(10, "softmax")]
            before = [keras.Input((28, 28), dtype="uint8"), keras.layers.Rescaling(1 / 255), keras.layers.Flatten()]
            model = keras.Sequential([*before, *layers])
            model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy", metrics=["accuracy"])
            history = model.fit(*train, batch_size=batch_size, epochs=epochs, validation_data=validation, verbose=0)
            accuracies.append(history.history["val_accuracy"][-1])
    return {**clock.figures(len(accuracies)), "accuracy": float(np.mean(accuracies))}
