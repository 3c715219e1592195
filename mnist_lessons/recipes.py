"""Recipes that train the book's models.

A recipe is a function ``recipe(*, seed) -> (model, history)``: what a chapter spells out, in a form that other chapters
can ask for by name with `mnist_lessons.store.load_or_train`.
"""

from typing import TYPE_CHECKING

import numpy as np

from mnist_lessons import data, models
from mnist_lessons.augmentation import random_warp
from mnist_lessons.loops import History, adam_with_cosine_decay, compile_and_fit, compiled_epoch, fit_fast
from mnist_lessons.small import build_small
from mnist_lessons.store import load_or_train

if TYPE_CHECKING:
    import keras


def train_dense(*, seed: int, epochs: int = 6) -> tuple["keras.Model", History]:
    """Train the book's dense network, 784-128-128-10 with ReLU; taught in the chapter `train`.

    Of seven learning rates from 0.0005 to 0.01, this one left the lowest loss on the validation images, on average
    over five seeds (stored table ``dense-rates``).
    """
    import keras

    keras.utils.set_random_seed(seed)
    model = models.build_dense()
    return model, compile_and_fit(model, learning_rate=0.003, epochs=epochs)


def train_sigmoid(*, seed: int, epochs: int = 15) -> tuple["keras.Model", History]:
    """Train a converged 784-50-50-10 with sigmoid units, which need a higher learning rate (``recipe-choices``)."""
    import keras

    keras.utils.set_random_seed(seed)
    model = models.build_dense((50, 50), activation="sigmoid")
    return model, compile_and_fit(model, learning_rate=0.005, epochs=epochs)


def train_cnn(*, seed: int, epochs: int = 6) -> tuple["keras.Model", History]:
    """Train the book's small convolutional network; taught in the chapter `cnn`.

    The rate, the epochs and the share of dropout were chosen on the validation images; the stored table
    ``recipe-choices`` has the errors at other rates and shares.
    """
    import keras

    keras.utils.set_random_seed(seed)
    model = models.build_cnn()
    return model, compile_and_fit(model, learning_rate=0.003, epochs=epochs)


def train_old_recipe(*, seed: int, epochs: int = 25, train: data.Split | None = None) -> tuple["keras.Model", History]:
    """Train 784-128-128-10 as the notebook did from which this book grew; run in the chapter `train`.

    Plain SGD with a learning rate of 0.01 on batches of 32, for 25 epochs, on pixels that are standardized,
    with statistics of the training images. The arithmetic is that of ``model.fit``, but an epoch is one
    compiled call, which costs a small part of the time. Images that do not fill the last batch of an epoch
    are left out of that epoch. With images and labels of one's own (`train`), nothing is measured on the
    validation images, some of which may be among them.
    """
    import keras
    import tensorflow as tf

    (images, labels), validation = (train, None) if train else data.split_mnist()[:2]
    keras.utils.set_random_seed(seed)
    # Of all images they are the same to a hundredth, and would take 300 MB to compute.
    mean, deviation = images[::20].mean(), images[::20].std(dtype="float32").item()
    rescaling = keras.layers.Rescaling(1 / deviation, offset=-mean / deviation)
    model = keras.Sequential([keras.Input((28, 28), dtype="uint8"), rescaling, *models.build_dense().layers[1:]])
    models.accept_bytes_only(model)
    model.compile(optimizer=keras.optimizers.SGD(0.01), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    train_epoch = compiled_epoch(
        model,
        model.optimizer,
        keras.losses.sparse_categorical_crossentropy,
        metrics=[keras.metrics.sparse_categorical_accuracy],
        jit_compile=True,
    )
    images, labels = tf.constant(images), tf.constant(labels.astype("int32"))
    generator = np.random.default_rng(seed)
    names = ("loss", "accuracy", *(("val_loss", "val_accuracy") if validation else ()))
    history: History = {name: [] for name in names}
    for _ in range(epochs):
        order = generator.permutation(len(images))[: len(images) // 32 * 32].reshape(-1, 32)
        measured = [*train_epoch(images, labels, tf.constant(order.astype("int32")))]
        if validation:
            measured += model.evaluate(*validation, batch_size=1000, verbose=0)
        for name, value in zip(history, measured, strict=True):
            history[name].append(float(value))
    return model, history


def fast_dense(*, seed: int, train: data.Split | None = None) -> tuple["keras.Model", History]:
    """Train 784-128-128-10 to the accuracy that the old notebook reported, 97.78 % of the test images.

    This recipe and those that follow are taught in the chapter `train-fast`. They train on all 60,000 images, for
    a length that was chosen on the validation images before, unless they are given other images and labels. The
    stored table ``recipe-choices`` has the errors on the validation images at other peak rates.
    """
    import keras

    keras.utils.set_random_seed(seed)
    model = models.build_dense()
    train = train or data.load_mnist()[0]
    return model, fit_fast(model, train, seed=seed, epochs=4, peak_rate=0.006)


def fast_98(*, seed: int, train: data.Split | None = None) -> tuple["keras.Model", History]:
    """Train a small convolutional network to that accuracy in a fifth of an epoch."""
    import keras

    keras.utils.set_random_seed(seed)
    model = models.build_fast_cnn()
    return model, fit_fast(model, train or data.load_mnist()[0], seed=seed, epochs=0.2, batch_size=64)


def fast_99(*, seed: int, train: data.Split | None = None) -> tuple["keras.Model", History]:
    """Train the same network to 99.0 % of the test images in one epoch."""
    import keras

    keras.utils.set_random_seed(seed)
    model = models.build_fast_cnn()
    return model, fit_fast(model, train or data.load_mnist()[0], seed=seed, epochs=1)


def fast_995(*, seed: int, train: data.Split | None = None) -> tuple["keras.Model", History]:
    """Train a deeper network to 99.5 % of the test images, on randomly warped digits."""
    import keras

    keras.utils.set_random_seed(seed)
    model = models.build_fast_cnn(deep=True)
    return model, fit_fast(model, train or data.load_mnist()[0], seed=seed, epochs=3.5, augment=random_warp)


def best(*, seed: int, train: data.Split | None = None) -> tuple["keras.Model", History]:
    """Train that network, twice as wide and for longer."""
    import keras

    keras.utils.set_random_seed(seed)
    model = models.build_fast_cnn(2, deep=True)
    return model, fit_fast(model, train or data.load_mnist()[0], seed=seed, epochs=24, augment=random_warp)


def small_99(*, seed: int) -> tuple["keras.Model", History]:
    """Train the smallest network that reaches 99 % in the chapter `small`, on the 50,000 training images.

    Layers and epochs were chosen on the validation images (stored table ``small-search``).
    """
    import keras

    keras.utils.set_random_seed(seed)
    model = build_small("conv8x5/2 sep16 sep24 pool sep32 weigh")
    return model, fit_fast(model, data.split_mnist().train, seed=seed, epochs=8)


def train_autoencoder(images: np.ndarray, *, seed: int, epochs: int = 6) -> "keras.Model":
    """Train the book's denoising autoencoder to give back clean images; it needs no labels.

    The rate, the epochs and the layers were chosen on the validation images; the stored table ``recipe-choices`` has
    the error at other rates.

    Parameters
    ----------
    images
        Clean images (n, 28, 28) uint8; the model adds the noise.
    """
    import keras

    keras.utils.set_random_seed(seed)
    model = models.build_autoencoder()
    optimizer = adam_with_cosine_decay(0.003, steps=epochs * -(-len(images) // 256))
    model.compile(optimizer, loss=pixel_cross_entropy, steps_per_execution=10)
    model.fit(images, images, batch_size=256, epochs=epochs, verbose=0)
    return model


def pixel_cross_entropy(clean, restored):  # type: ignore[no-untyped-def]
    """Return the cross-entropy of restored pixels (0 to 1), the clean ones (0 to 255) taken as shares of ink."""
    import keras

    return keras.losses.binary_crossentropy(clean / 255, restored)


def train_all() -> None:
    """Train every model of the book that is not in the store yet, so that no chapter waits for it."""
    for recipe in (train_dense, train_sigmoid, train_cnn, train_old_recipe, small_99):
        load_or_train(recipe)
