"""What the recipes of the book are compared with, written from public descriptions."""

import numpy as np


def old_fit(seed: int, clock) -> dict:
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


def convnet(seed: int, clock) -> dict:
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
    accuracies, spent = [], []
    for _ in range(15):
        clock.start()
        model.fit(images, one_hot(labels), batch_size=128, epochs=1, validation_split=0.1, verbose=0)
        clock.stop()
        spent.append((clock.cpu, clock.wall))
        accuracies.append(model.evaluate(images_test, one_hot(labels_test), verbose=0)[1])
    first = next((so_far for so_far, accuracy in zip(spent, accuracies, strict=True) if accuracy >= 0.99), (None, None))
    return {"accuracy": accuracies[-1], "accuracies": accuracies, "cpu_to_99": first[0], "wall_to_99": first[1]}


def nothing(seed: int, clock) -> dict:
    """TensorFlow and Keras, imported and not used."""
    import keras  # noqa: F401

    return {}


RUNS = {
    "import": nothing,
    "old-fit": old_fit,
    "convnet": convnet,
}
