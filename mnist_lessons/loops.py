"""Training loops: Keras's ``fit`` with a line of progress, and epochs that are one compiled call."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mnist_lessons import data
from mnist_lessons.progress import progress

if TYPE_CHECKING:
    import keras

History = dict[str, list[float]]


def compile_and_fit(model: "keras.Model", *, learning_rate: float, epochs: int) -> History:
    """Train on 50,000 images with Adam, batches of 128 and a rate that falls to 0 along half a cosine."""
    train, validation, _ = data.split_mnist()
    model.compile(
        optimizer=adam_with_cosine_decay(learning_rate, steps=epochs * -(-len(train[0]) // 128)),
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


def adam_with_cosine_decay(learning_rate: float, steps: int) -> "keras.Optimizer":
    """Return Adam with a learning rate that falls to 0 along half a cosine."""
    import keras

    return keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(learning_rate, steps))


def compiled_epoch(
    model: "keras.Model",
    optimizer: "keras.Optimizer",
    loss: Callable[..., Any],
    *,
    metrics: Sequence[Callable[..., Any]] = (),
    augment: Callable[..., Any] | None = None,
    jit_compile: bool = False,
) -> Any:
    """Return a compiled function that takes one step of the optimizer for each batch of an epoch.

    From the same weights and batches it gives the losses of ``model.fit``, for a small part of the time.

    Parameters
    ----------
    loss, metrics
        Functions of the targets and the model's outputs for a batch, as Keras defines them.
    augment
        Applied to each batch of images before the model: takes and returns a tensor.
    jit_compile
        Whether XLA compiles the epoch, which makes dense layers faster on a CPU, and convolutions slower.

    Returns
    -------
    train_epoch
        Called with tensors ``images`` (n, ...), ``targets`` (n, ...) and ``order`` (steps, batch) int32, the indices
        of each batch's images; updates the model and returns the means over the batches of the loss and the metrics.
        The images are an argument, because a function that captured them would keep a copy of its own.
    """
    import tensorflow as tf

    parameters = [variable.value for variable in model.trainable_variables]
    optimizer.build(model.trainable_variables)

    @tf.function(jit_compile=jit_compile)
    def train_epoch(images, targets, order):  # type: ignore[no-untyped-def]
        totals = tf.zeros(1 + len(metrics))
        for batch in order:
            inputs, wanted = tf.gather(images, batch), tf.gather(targets, batch)
            with tf.GradientTape() as tape:
                outputs = model(augment(inputs) if augment else inputs, training=True)
                batch_loss = tf.reduce_mean(loss(wanted, outputs)) + sum(model.losses)
            optimizer.apply(tape.gradient(batch_loss, parameters))
            totals += tf.stack([batch_loss, *(tf.reduce_mean(metric(wanted, outputs)) for metric in metrics)])
        return totals / tf.cast(len(order), "float32")

    return train_epoch


def fit_fast(
    model: "keras.Model",
    train: data.Split,
    *,
    seed: int,
    epochs: float,
    augment: Callable[..., Any] | None = None,
    peak_rate: float = 0.02,
    batch_size: int = 128,
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
        As in `compiled_epoch`.

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
    rates = tf.constant(np.interp(np.arange(steps), [0, steps / 4, steps], [0, peak_rate, 0]), "float32")
    optimizer: Any = keras.optimizers.Adam(lambda: tf.gather(rates, optimizer.iterations.value), beta_2=0.99)
    smoothed = keras.losses.CategoricalCrossentropy(label_smoothing=0.05)

    def loss(labels: Any, probabilities: Any) -> Any:
        return smoothed(tf.one_hot(labels, data.CLASSES), probabilities)

    train_epoch = compiled_epoch(model, optimizer, loss, augment=augment)
    # Compiled once for any number of steps, since the last epoch may be shorter.
    train_epoch = train_epoch.get_concrete_function(images, labels, tf.TensorSpec((None, batch_size), "int32"))
    losses = []
    for start in range(0, steps, in_epoch):
        order = generator.permutation(len(images))[: in_epoch * batch_size].reshape(in_epoch, batch_size)
        order = tf.constant(order[: steps - start].astype("int32"))
        losses.append(float(train_epoch(images, labels, order)[0]))
    return {"loss": losses}
