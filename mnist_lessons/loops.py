"""Training loops: Keras's ``fit`` with a line of progress, and epochs that are one compiled call."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from mnist_lessons import data
from mnist_lessons.progress import progress

if TYPE_CHECKING:
    import keras

History = dict[str, list[float]]


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


def compiled_epoch(model: "keras.Model") -> Callable:
    """Return a compiled function that takes one step of plain SGD for each batch of an epoch.

    Parameters
    ----------
    model
        Compiled with plain SGD, no momentum, and sparse cross-entropy, and without random layers.

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


def fit_fast(
    model: "keras.Model",
    train: data.Split,
    *,
    seed: int,
    epochs: float,
    augment: Callable | None = None,
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
        Decides the order of the images; the model has its initial weights already.
    epochs
        Need not be a whole number.
    augment
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
    train_epoch = fast_epoch(model, keras.optimizers.Adam(beta_2=0.99), augment, jit_compile=jit_compile)
    losses = []
    for start in range(0, steps, in_epoch):
        order = generator.permutation(len(images))[: in_epoch * batch_size].reshape(in_epoch, batch_size)
        epoch_rates = rates[start : start + in_epoch]
        batches = tf.constant(order[: len(epoch_rates)].astype("int32"))
        losses.append(float(train_epoch(images, labels, batches, tf.constant(epoch_rates))))
    return {"loss": losses}


def fast_epoch(
    model: "keras.Model", optimizer: "keras.Optimizer", augment: Callable | None = None, *, jit_compile: bool = False
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
                probabilities = model(augment(batch) if augment else batch, training=True)
                loss = smoothed(tf.one_hot(tf.gather(labels, order[step]), data.CLASSES), probabilities)
            optimizer.learning_rate.assign(rates[step])
            optimizer.apply(tape.gradient(loss, parameters))
            total += loss
        return total / tf.cast(len(order), "float32")

    arguments = [((None, 28, 28), "uint8"), ((None,), "int32"), ((None, None), "int32"), ((None,), "float32")]
    return train_epoch.get_concrete_function(*(tf.TensorSpec(shape, kind) for shape, kind in arguments))
