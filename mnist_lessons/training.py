"""Recipes that train the book's models, and a store so that each is trained once.

A recipe is a function ``recipe(*, seed) -> (model, history)``: what a chapter spells out,
in a form that other chapters can ask for by name with `load_or_train`.
"""

import functools
import hashlib
import importlib.metadata
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import platformdirs
from filelock import FileLock

from mnist_lessons import data, models

if TYPE_CHECKING:
    import keras

History = dict[str, list[float]]
Recipe = Callable[..., tuple["keras.Model", History]]


def train_dense(*, seed: int, epochs: int = 6) -> tuple["keras.Model", History]:
    """Train the book's dense network, 784-128-128-10 with ReLU; taught in the chapter `train`.

    Of the learning rates 0.001, 0.002 and 0.003 the last is the best on the validation images.
    """
    import keras

    keras.utils.set_random_seed(seed)
    model = models.build_dense()
    return model, compile_and_fit(model, learning_rate=0.003, epochs=epochs)


def train_sigmoid(*, seed: int, epochs: int = 15) -> tuple["keras.Model", History]:
    """Train a converged 784-50-50-10 with sigmoid units, which need a higher learning rate."""
    import keras

    keras.utils.set_random_seed(seed)
    model = models.build_dense((50, 50), activation="sigmoid")
    return model, compile_and_fit(model, learning_rate=0.005, epochs=epochs)


def train_cnn(*, seed: int, epochs: int = 6) -> tuple["keras.Model", History]:
    """Train the book's small convolutional network; taught in the chapter `cnn`.

    The rate, the epochs and the share of dropout were chosen on the validation images.
    """
    import keras

    keras.utils.set_random_seed(seed)
    model = models.build_cnn()
    return model, compile_and_fit(model, learning_rate=0.003, epochs=epochs)


def compile_and_fit(model: "keras.Model", *, learning_rate: float, epochs: int) -> History:
    """Train on 50,000 images with Adam, batches of 128 and a rate that falls to 0 along half a cosine."""
    import keras

    train, validation, _ = data.split_mnist()
    steps = epochs * -(-len(train[0]) // 128)
    model.compile(
        optimizer=keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(learning_rate, steps)),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        steps_per_execution=10,
    )
    return fit(model, train, validation=validation, batch_size=128, epochs=epochs)


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
    model.compile(optimizer=keras.optimizers.SGD(0.01), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    train_epoch = compiled_epoch(model)
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


def compiled_epoch(model: "keras.Model") -> Callable:
    """Return a compiled function that takes one step of plain SGD for each batch of an epoch.

    Parameters
    ----------
    model
        Compiled with plain SGD, no momentum, and sparse cross-entropy, and without layers that draw at random.

    Returns
    -------
    train_epoch
        Called with tensors ``images`` (n, 28, 28) uint8, ``labels`` (n,) int32 and ``order`` (steps, batch) int32,
        the indices of each batch's images; changes the model and returns mean loss and accuracy over the epoch.
    """
    import keras
    import tensorflow as tf

    rate = float(model.optimizer.learning_rate)
    parameters = [variable.value for variable in model.trainable_variables]

    @tf.function(jit_compile=True)
    def train_epoch(images, labels, order):  # type: ignore[no-untyped-def]
        loss, right = tf.constant(0.0), tf.constant(0.0)
        for batch in order:
            batch_labels = tf.gather(labels, batch)
            with tf.GradientTape() as tape:
                probabilities = model(tf.gather(images, batch), training=True)
                batch_loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(batch_labels, probabilities))
            for parameter, gradient in zip(parameters, tape.gradient(batch_loss, parameters), strict=True):
                parameter.assign_sub(rate * gradient)
            loss += batch_loss
            right += tf.reduce_mean(keras.metrics.sparse_categorical_accuracy(batch_labels, probabilities))
        steps = tf.cast(tf.shape(order)[0], "float32")
        return loss / steps, right / steps

    return train_epoch


def fast_dense(*, seed: int, train: data.Split | None = None) -> tuple["keras.Model", History]:
    """Train 784-128-128-10 to the accuracy that the old notebook reported, 97.78 % of the test images.

    This recipe and those that follow are taught in the chapter `train-fast`. They train on all 60,000 images, for
    a length that was chosen on the validation images before, unless they are given other images and labels.
    """
    import keras

    keras.utils.set_random_seed(seed)
    model = models.build_dense()
    train = train or data.load_mnist()[0]
    return model, fit_fast(model, train, seed=seed, epochs=4, peak_rate=0.006, jit_compile=True)


def fast_98(*, seed: int, train: data.Split | None = None) -> tuple["keras.Model", History]:
    """Train a small convolutional network to that accuracy in less than a third of an epoch."""
    import keras

    keras.utils.set_random_seed(seed)
    model = models.build_fast_cnn(0.5)
    return model, fit_fast(model, train or data.load_mnist()[0], seed=seed, epochs=0.3, batch_size=64)


def fast_99(*, seed: int, train: data.Split | None = None) -> tuple["keras.Model", History]:
    """Train the same network to 99.0 % of the test images in an epoch and a half."""
    import keras

    keras.utils.set_random_seed(seed)
    model = models.build_fast_cnn(0.5)
    return model, fit_fast(model, train or data.load_mnist()[0], seed=seed, epochs=1.5)


def fast_995(*, seed: int, train: data.Split | None = None) -> tuple["keras.Model", History]:
    """Train a wider and deeper network to 99.5 % of the test images, on digits warped anew in each epoch."""
    import keras

    keras.utils.set_random_seed(seed)
    model = models.build_fast_cnn(1, deep=True)
    return model, fit_fast(model, train or data.load_mnist()[0], seed=seed, epochs=4, change=random_warp)


def best(*, seed: int, train: data.Split | None = None) -> tuple["keras.Model", History]:
    """Train that network, twice as wide and for longer, which did best on the validation images."""
    import keras

    keras.utils.set_random_seed(seed)
    model = models.build_fast_cnn(2, deep=True)
    return model, fit_fast(model, train or data.load_mnist()[0], seed=seed, epochs=16, change=random_warp)


def random_warp(images: Any, *, degrees: float = 10, percent: float = 10, pixels: float = 1) -> Any:
    """Turn, stretch, slant and move each image by amounts of its own, drawn by lot, within TensorFlow.

    Parameters
    ----------
    images
        A tensor (n, 28, 28), uint8.
    degrees
        The greatest angle, either way.
    percent
        The greatest stretch or squeeze of width and height, and the greatest slant of the upright.
    pixels
        The greatest shift in either direction.

    Returns
    -------
    tensor (n, 28, 28), uint8
        Between pixels, brightness is interpolated; what comes in is background.
    """
    import keras
    import tensorflow as tf

    def draw(limit: float) -> Any:
        return tf.random.uniform(tf.shape(images)[:1], -limit, limit)

    angle, slant = draw(np.radians(degrees)), draw(percent / 100)
    width, height = tf.exp(draw(percent / 100)), tf.exp(draw(percent / 100))
    sine, cosine = tf.sin(angle), tf.cos(angle)
    # From a place in the new image, relative to the middle, to the place in the old one that it is read from.
    across = cosine * width, (slant * cosine - sine) * height
    down = sine * width, (slant * sine + cosine) * height
    middle = (data.IMAGE_SHAPE[0] - 1) / 2
    rows = [(x, y, middle * (1 - x - y) + draw(pixels)) for x, y in (across, down)]
    matrix = tf.stack([*rows[0], *rows[1], tf.zeros_like(slant), tf.zeros_like(slant)], axis=1)
    return keras.ops.image.affine_transform(images[..., tf.newaxis], matrix)[..., 0]


def fit_fast(
    model: "keras.Model",
    train: data.Split,
    *,
    seed: int,
    epochs: float,
    change: Callable | None = None,
    peak_rate: float = 0.02,
    batch_size: int = 128,
    jit_compile: bool = False,
) -> History:
    """Train a model that is not compiled, with settings that need few epochs, an epoch in one compiled call.

    The optimizer is Adam. Its learning rate rises from 0 over the first quarter of the steps and falls back to 0
    over the others. The target of the true digit is 0.955, that of any other 0.005 (label smoothing by 0.05). Images
    that do not fill the last batch of an epoch are left out of that epoch.

    Parameters
    ----------
    train
        Images (n, 28, 28) uint8 and labels (n,), as arrays or tensors; arrays are copied into tensors.
    seed
        Decides the order of the images; whoever calls has drawn the model's weights.
    epochs
        Need not be a whole number.
    change
        Applied to each batch in training: takes and returns a tensor (batch_size, 28, 28) uint8.
    jit_compile
        Whether XLA compiles the epoch, which makes dense layers faster on a CPU, and convolutions slower.

    Returns
    -------
    history
        ``loss``, the mean over the batches of each epoch.
    """
    import keras
    import tensorflow as tf

    images, labels = tf.convert_to_tensor(train[0]), tf.cast(train[1], "int32")
    generator = np.random.default_rng(seed)
    in_epoch = len(images) // batch_size
    steps = round(epochs * in_epoch)
    rates = np.interp(np.arange(steps), [0, steps / 4, steps], [0, peak_rate, 0]).astype("float32")
    train_epoch = fast_epoch(model, keras.optimizers.Adam(beta_2=0.99), change, jit_compile=jit_compile)
    losses = []
    for start in range(0, steps, in_epoch):
        order = generator.permutation(len(images))[: in_epoch * batch_size].reshape(in_epoch, batch_size)
        epoch_rates = rates[start : start + in_epoch]
        batches = tf.constant(order[: len(epoch_rates)].astype("int32"))
        losses.append(float(train_epoch(images, labels, batches, tf.constant(epoch_rates))))
    return {"loss": losses}


def fast_epoch(
    model: "keras.Model", optimizer: "keras.Optimizer", change: Callable | None = None, *, jit_compile: bool = False
) -> Callable:
    """Return a compiled function that takes one step of the optimizer for each batch of an epoch.

    Returns
    -------
    train_epoch
        Called with tensors ``images`` (n, 28, 28) uint8, ``labels`` (n,) int32, ``order`` (steps, batch) int32, the
        indices of each batch's images, and ``rates`` (steps,) float32, the learning rate of each step; changes the
        model and returns the mean loss. The images are an argument, since a function that captured them would
        keep a copy of its own.
    """
    import keras
    import tensorflow as tf

    smoothed = keras.losses.CategoricalCrossentropy(label_smoothing=0.05)
    parameters = [variable.value for variable in model.trainable_variables]
    optimizer.build(model.trainable_variables)

    @tf.function(jit_compile=jit_compile)
    def train_epoch(images, labels, order, rates):  # type: ignore[no-untyped-def]
        total = tf.constant(0.0)
        for step in tf.range(len(order)):
            batch = tf.gather(images, order[step])
            with tf.GradientTape() as tape:
                probabilities = model(change(batch) if change else batch, training=True)
                loss = smoothed(tf.one_hot(tf.gather(labels, order[step]), data.CLASSES), probabilities)
            optimizer.learning_rate.assign(rates[step])
            optimizer.apply(tape.gradient(loss, parameters))
            total += loss
        return total / tf.cast(len(order), "float32")

    arguments = [((None, 28, 28), "uint8"), ((None,), "int32"), ((None, None), "int32"), ((None,), "float32")]
    return train_epoch.get_concrete_function(*(tf.TensorSpec(shape, kind) for shape, kind in arguments))


def fit(
    model: "keras.Model", train: data.Split, *, validation: data.Split | None = None, epochs: int, batch_size: int
) -> History:
    """Call ``model.fit`` with progress that reads well everywhere, and return the learning curves.

    Returns
    -------
    history
        For each of Keras's metric names (``loss``, ``accuracy``, ``val_loss``, ...) one number an epoch.
    """
    kept = model.fit(
        *train, validation_data=validation, epochs=epochs, batch_size=batch_size, verbose=0, callbacks=[progress()]
    )
    return {name: [float(value) for value in values] for name, values in kept.history.items()}


@functools.cache
def _progress_class() -> type:
    """Define the callback when Keras is there to be subclassed."""
    import keras

    class Progress(keras.callbacks.Callback):
        """One line that is rewritten after each epoch and stays with the last one."""

        def on_train_begin(self, logs: dict | None = None) -> None:
            self._start = time.perf_counter()
            self._line = _Line()

        def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
            figures = "".join(
                f", {name.replace('val_', 'validation ')} {value:.4f}" for name, value in (logs or {}).items()
            )
            seconds = time.perf_counter() - self._start
            self._line.show(f"epoch {epoch + 1} of {self.params['epochs']}{figures} ({seconds:.0f} s)")

        def on_train_end(self, logs: dict | None = None) -> None:
            self._line.end()

    return Progress


def progress() -> Any:
    """Return a callback for ``model.fit(verbose=0, callbacks=[progress()])``: one line, rewritten each epoch.

    In a notebook the line is one output that is updated, so that a static page shows its last state;
    in a terminal it is rewritten in place; in a log file only the last state is written.
    """
    return _progress_class()()


class _Line:
    """A line of text that can be replaced: a notebook display, a terminal line, or the last state of a log."""

    def __init__(self) -> None:
        self._handle: Any = None
        self._text = ""
        ipython = sys.modules.get("IPython")
        self._notebook = hasattr(ipython and ipython.get_ipython(), "kernel")

    def show(self, text: str) -> None:
        if self._notebook:
            from IPython.display import display

            bundle = {"text/plain": text}
            if self._handle is None:
                self._handle = display(bundle, raw=True, display_id=True)
            else:
                self._handle.update(bundle, raw=True)
        elif sys.stdout.isatty():
            sys.stdout.write("\r" + text.ljust(len(self._text)))
            sys.stdout.flush()
        self._text = text

    def end(self) -> None:
        if not self._notebook and self._text:
            sys.stdout.write(("\r" if sys.stdout.isatty() else "") + self._text + "\n")


def load_or_train(recipe: Recipe, *, seed: int = 0) -> "keras.Model":
    """Return the model that a recipe trains, trained at most once on this machine.

    What an earlier call with the same recipe, seed, code and versions left in the store is loaded.
    Otherwise the model is trained, which is said with the time that it took, and stored. Two processes
    that ask at once train it once. A stored file that is damaged is trained again, not trusted.

    The store is the folder named by the environment variable ``MNIST_LESSONS_STORE``,
    by default the user's cache folder.
    """
    return _stored(recipe, seed)[0]


def load_or_train_history(recipe: Recipe, *, seed: int = 0) -> History:
    """Return the learning curves of the model that `load_or_train` gives."""
    return _stored(recipe, seed)[1]


def _stored(recipe: Recipe, seed: int) -> tuple["keras.Model", History]:
    file = store_folder() / f"{recipe.__name__}-{seed}-{_fingerprint(recipe)}.keras"
    file.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{file}.lock"):
        found = _load(file)
        if found is None:
            start = time.perf_counter()
            found = recipe(seed=seed)
            _save(file, *found)
            print(f"{recipe.__name__} (seed {seed}): trained in {time.perf_counter() - start:.0f} s and stored")
        return found


def train_all() -> None:
    """Train every model of the book that is not in the store yet, so that no chapter waits for it."""
    for recipe in (train_dense, train_sigmoid, train_cnn, train_old_recipe):
        load_or_train(recipe)


def store_folder() -> Path:
    """Return the folder of stored models; it may not exist yet."""
    return Path(os.environ.get("MNIST_LESSONS_STORE") or platformdirs.user_cache_dir("mnist-lessons"))


def _fingerprint(recipe: Recipe) -> str:
    """Hash what decides the outcome: the recipe's name, the modules it rests on, the libraries' versions."""
    digest = hashlib.sha256(f"{recipe.__module__}.{recipe.__qualname__}".encode())
    own = sys.modules[recipe.__module__]
    for file in sorted({Path(str(module.__file__)) for module in (data, models, sys.modules[__name__], own)}):
        digest.update(file.read_bytes())
    for library in ("keras", "numpy"):
        digest.update(importlib.metadata.version(library).encode())
    digest.update(_tensorflow_version().encode())
    return digest.hexdigest()[:16]


def _tensorflow_version() -> str:
    """Return TensorFlow's version without importing it, whichever of its packages is installed."""
    for package in ("tensorflow-cpu", "tensorflow"):
        try:
            return importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    raise ImportError("TensorFlow is not installed: expected the package tensorflow-cpu or tensorflow")


def _save(file: Path, model: "keras.Model", history: History) -> None:
    """Write the model, then what vouches for it; either appears whole or not at all."""
    part = file.with_suffix(".part.keras")
    model.save(part)
    note = {"sha256": hashlib.sha256(part.read_bytes()).hexdigest(), "history": history}
    part.replace(file)
    note_part = file.with_suffix(".part.json")
    note_part.write_text(json.dumps(note))
    note_part.replace(file.with_suffix(".json"))


def _load(file: Path) -> tuple["keras.Model", History] | None:
    """Return the stored model and history, or None where they are missing or not what was written."""
    try:
        note = json.loads(file.with_suffix(".json").read_text())
        intact = note["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
    if not intact:
        return None
    import keras

    return keras.models.load_model(file), note["history"]
