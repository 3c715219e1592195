"""Train many small networks cheaply, so that a comparison can rest on many seeds.

The weights of K networks that share a seed, and so see the same batches, are stacked into arrays of shape
(K, inputs, units), and a whole epoch of all of them is one compiled call. Their first layers are then one wide
layer. Such calls replace those of ``model.fit``, most of whose time goes into starting small operations one by one.
The arithmetic is Keras's: from the same weights and batches the losses are the same.

Taught in the chapter `relu-vs-sigmoid`.
"""

import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from mnist_lessons.data import CLASSES, Split, check_images, check_labels
from mnist_lessons.tables import Row

# A unit is saturated on an image where its activation's slope is under this share of the steepest slope.
FLAT = 0.05
# The steepest slope of each activation that can be compared here; GELU's lies at the square root of 2.
STEEPEST = {"relu": 1.0, "sigmoid": 0.25, "tanh": 1.0, "elu": 1.0, "gelu": 1.129, "linear": 1.0}
Function = Callable[..., Any]
OPTIMIZERS = ("sgd", "momentum", "adam")


@dataclasses.dataclass(frozen=True)
class Setting:
    """What distinguishes one network of an experiment from another, apart from its seed.

    Activation and initializer go by their Keras names. The optimizers are ``sgd``, ``momentum`` (SGD with
    momentum 0.9) and ``adam``, with Keras's defaults. The last layer is always Glorot-uniform and softmax.
    With 0 epochs only the untrained network is measured.

    Raises
    ------
    ValueError
        An activation or optimizer that is not known here, or a size that is not positive.
    """

    units: tuple[int, ...]
    activation: str = "relu"
    initializer: str = "glorot_uniform"
    optimizer: str = "sgd"
    learning_rate: float = 0.01
    batch_size: int = 32
    epochs: int = 10

    def __post_init__(self) -> None:
        for name, known in (("activation", tuple(STEEPEST)), ("optimizer", OPTIMIZERS)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name}: expected one of {', '.join(known)}, got {getattr(self, name)!r}")
        if not self.units or min(*self.units, self.batch_size, self.learning_rate) <= 0 or self.epochs < 0:
            raise ValueError(
                f"Setting: expected hidden layers, positive sizes and learning rate, no negative epochs, got {self}"
            )


def run(
    settings: Sequence[Setting],
    *,
    seeds: Sequence[int],
    train: Split,
    evaluation: Split,
    stack_size: int = 10,
    jit_compile: bool = True,
) -> list[Row]:
    """Train one network for each setting and seed and return what was measured after each epoch.

    Parameters
    ----------
    settings
        Those that differ in nothing but learning rate and initializer are trained together, seed by seed.
    seeds
        Each decides the initial weights and the order of the images, so runs differ in both. Networks of
        one seed see the same images in the same order: a fair comparison of settings pairs them by seed.
    train, evaluation
        Images (n, 28, 28) uint8 and labels (n,). Images that do not fill the last batch of an epoch are left
        out of that epoch.
    stack_size
        How many networks are stacked at most.
    jit_compile
        Whether XLA compiles an epoch. Without it batches of 32 take half as long again, and some 90 MB less memory.

    Returns
    -------
    rows
        One for each network and epoch, from epoch 0 (before training), those of a setting in the order of the
        seeds and epochs: the setting's fields, ``seed``, ``epoch``, ``training_loss`` (mean over the epoch's
        batches; NaN for epoch 0), ``loss`` and ``accuracy`` (0 to 1) on the evaluation images, and from the
        first 1,000 training images ``gradient_rms`` (root mean square of the loss's derivatives by each layer's
        weights, first to last), ``saturated`` (share of hidden units and images where the activation's slope is
        under 5 % of its steepest) and ``dead`` (share of hidden units for which that holds on all the images).

    Raises
    ------
    ValueError
        Images or labels of another form or number, fewer images than one batch, or ``stack_size`` under 1.
    """
    import tensorflow as tf

    for name, (images, labels) in (("train", train), ("evaluation", evaluation)):
        check_images(images, name=f"{name} images")
        check_labels(labels, name=f"{name} labels")
        if len(images) != len(labels):
            raise ValueError(f"{name}: expected a label for each image, got {len(images)} images, {len(labels)} labels")
    if stack_size < 1:
        raise ValueError(f"stack_size: expected at least 1 network, got {stack_size}")
    largest = max((setting.batch_size for setting in settings), default=0)
    if len(train[0]) < largest:
        raise ValueError(f"train: expected at least {largest} images, got {len(train[0])}")
    learned, measured = (
        (tf.constant(images.reshape(-1, 784)), tf.constant(labels.astype("int32")))
        for images, labels in (train, evaluation)
    )
    rows = []
    for stack in _stacks(settings, stack_size):
        for seed in seeds:
            rows += _run_stack(stack, seed, learned, measured, jit_compile)
    return rows


def final(rows: Sequence[Row]) -> list[Row]:
    """Return the rows of the last epoch of each network."""
    return [row for row in rows if row["epoch"] == row["epochs"]]


def initial_weights(setting: Setting, *, seed: int) -> list[np.ndarray]:
    """Return kernels (inputs, units) and biases (units,), float32, in the order of ``model.get_weights``."""
    import keras

    names = [setting.initializer] * len(setting.units) + ["glorot_uniform"]
    sizes = [784, *setting.units, CLASSES]
    weights = []
    for layer, (name, shape) in enumerate(zip(names, itertools.pairwise(sizes), strict=True)):
        layer_seed = int(np.random.SeedSequence((seed, layer)).generate_state(1)[0])
        initializer = type(keras.initializers.get(name))(seed=layer_seed)
        weights += [np.asarray(initializer(shape)), np.zeros(shape[1], "float32")]
    return weights


def batches(images: int, *, batch_size: int, seed: int) -> Iterator[np.ndarray]:
    """Yield for one epoch after the other the indices of its batches, (steps, batch_size) int32."""
    generator = np.random.default_rng(seed)
    steps = images // batch_size
    while True:
        order = generator.permutation(images)[: steps * batch_size]
        yield order.reshape(steps, batch_size).astype("int32")


def _stacks(settings: Sequence[Setting], stack_size: int) -> Iterator[list[Setting]]:
    """Group settings into stacks that one compiled program can train."""

    def shape(setting: Setting) -> tuple[Any, ...]:
        return setting.units, setting.activation, setting.optimizer, setting.batch_size, setting.epochs

    for _, alike in itertools.groupby(sorted(settings, key=shape), key=shape):
        same = list(alike)
        for start in range(0, len(same), stack_size):
            yield same[start : start + stack_size]


def _run_stack(stack: Sequence[Setting], seed: int, train: Any, evaluation: Any, jit_compile: bool) -> list[Row]:
    import tensorflow as tf

    setting = stack[0]
    per_network = [initial_weights(own, seed=seed) for own in stack]
    weights = [tf.constant(np.stack(same)) for same in zip(*per_network, strict=True)]
    weights[0] = tf.transpose(weights[0], (0, 2, 1))
    state = [tf.zeros_like(weight) for weight in weights * 2]
    probe = [tensor[:1000] for tensor in train]
    orders = batches(len(train[1]), batch_size=setting.batch_size, seed=seed)
    rates = tf.constant([own.learning_rate for own in stack], "float32")
    training_loss = [float("nan")] * len(stack)
    rows: list[Row] = []
    for epoch in range(setting.epochs + 1):
        if epoch:
            order = next(orders)
            steps_done = tf.constant(order.shape[0] * (epoch - 1), "float32")
            train_epoch = _epoch(setting.activation, setting.optimizer, jit_compile)
            weights, state, losses = _call(train_epoch, weights, state, *train, tf.constant(order), rates, steps_done)
            training_loss = losses.numpy().tolist()
        measured = _call(_measurement(setting.activation), weights, *probe, *evaluation)
        measured = {name: values.numpy().tolist() for name, values in measured.items()}
        for index, own in enumerate(stack):
            numbers = {name: values[index] for name, values in measured.items()}
            numbers["gradient_rms"] = tuple(numbers["gradient_rms"])
            run_of = {**dataclasses.asdict(own), "seed": seed, "epoch": epoch}
            rows.append({**run_of, "training_loss": training_loss[index], **numbers})
    return rows


def _call(function: Any, *arguments: Any) -> Any:
    """Call a compiled function: it is compiled once for each set of shapes, without a warning that these are many."""
    return function.get_concrete_function(*arguments)(*arguments)


@functools.cache
def _epoch(activation: str, optimizer: str, jit_compile: bool) -> Any:
    """Return a compiled function that trains a stack of K networks for one epoch.

    The data are an argument: a function that captured them would keep its own copy. So are the weights, unlike those
    of `loops.compiled_epoch`: compiling takes about as long as 6,000 steps, and one function serves all seeds.
    """
    import tensorflow as tf

    act, update = _activation(activation), _optimizer(optimizer)

    def step(weights: Any, state: Any, images: Any, labels: Any, rates: Any, number: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(weights)
            losses = tf.reduce_mean(_losses(tf, _forward(tf, weights, images, act)[-1], labels), axis=1)
            # The sum's gradient by one network's weights is its own: no other depends on them.
            total = tf.reduce_sum(losses)
        return *update(weights, tape.gradient(total, weights), state, rates, number), losses

    @tf.function(jit_compile=jit_compile)
    def epoch(weights, state, images, labels, order, rates, steps_done):  # type: ignore[no-untyped-def]
        rates = rates[:, tf.newaxis, tf.newaxis]
        total = tf.zeros(rates.shape[0])
        for index in tf.range(order.shape[0]):
            chosen = order[index]
            number = steps_done + tf.cast(index, "float32") + 1
            batch = tf.gather(images, chosen), tf.gather(labels, chosen)
            weights, state, losses = step(weights, state, *batch, rates, number)
            total += losses
        return weights, state, total / order.shape[0]

    return epoch


def _forward(tf: Any, weights: Sequence[Any], images: Any, act: Function) -> list[Any]:
    """Return each layer's sums before its activation, (K, n, units); the last are the logits.

    `weights` are K stacked networks, the first kernel as (K, units, inputs): so laid out, the product with the
    images and its gradient are the fastest. `images` are (n, 784) uint8.
    """
    kernel, bias = weights[:2]
    networks, units, inputs = kernel.shape
    # One wide layer for all. Its sums are fewer than the pixels, so that it is they that are divided by 255.
    wide = tf.matmul(tf.cast(images, "float32"), tf.reshape(kernel, (-1, inputs)), transpose_b=True) / 255
    sums = [tf.transpose(tf.reshape(wide, (-1, networks, units)), (1, 0, 2)) + bias[:, tf.newaxis]]
    for kernel, bias in zip(weights[2::2], weights[3::2], strict=True):
        sums.append(tf.matmul(act(sums[-1]), kernel) + bias[:, tf.newaxis])
    return sums


def _losses(tf: Any, logits: Any, labels: Any) -> Any:
    """Return each network's cross-entropies, (K, n), from logits (K, n, 10) and labels (n,)."""
    labels = tf.tile(labels[tf.newaxis], (logits.shape[0], 1))
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)


@functools.cache
def _measurement(activation: str) -> Any:
    """Return a compiled function that gives for each of K stacked networks the numbers that `run` describes."""
    import tensorflow as tf

    act = _activation(activation)

    @tf.function
    def measure(weights, probe, probe_labels, images, labels):  # type: ignore[no-untyped-def]
        loss = right = tf.zeros(weights[0].shape[0])
        for start in tf.range(0, labels.shape[0], 1000):
            # A thousand images at a time and no two such pieces at once, to keep memory low.
            tf.autograph.experimental.set_loop_options(parallel_iterations=1)
            answers = labels[start : start + 1000]
            logits = _forward(tf, weights, images[start : start + 1000], act)[-1]
            loss += tf.reduce_sum(_losses(tf, logits, answers), axis=1)
            is_right = tf.argmax(logits, axis=-1, output_type="int32") == answers
            right += tf.reduce_sum(tf.cast(is_right, "float32"), axis=1)
        with tf.GradientTape() as tape:
            tape.watch(weights)
            sums = _forward(tf, weights, probe, act)
            losses = tf.reduce_mean(_losses(tf, sums[-1], probe_labels), axis=1)
        kernels = tape.gradient(losses, weights)[::2]
        flat = tf.concat([_slope(tf, act, z) < FLAT * STEEPEST[activation] for z in sums[:-1]], axis=2)
        return {
            "loss": loss / labels.shape[0],
            "accuracy": right / labels.shape[0],
            "gradient_rms": tf.stack([tf.sqrt(tf.reduce_mean(tf.square(g), axis=(1, 2))) for g in kernels], axis=1),
            "saturated": tf.reduce_mean(tf.cast(flat, "float32"), axis=(1, 2)),
            "dead": tf.reduce_mean(tf.cast(tf.reduce_all(flat, axis=1), "float32"), axis=1),
        }

    return measure


def _slope(tf: Any, act: Function, sums: Any) -> Any:
    with tf.GradientTape() as tape:
        tape.watch(sums)
        outputs = act(sums)
    return tf.abs(tape.gradient(outputs, sums))


def _activation(name: str) -> Any:
    import keras

    return keras.activations.get(name)


def _optimizer(name: str) -> Function:
    """Return ``update(weights, gradients, state, rates, number) -> (weights, state)``, as Keras defines it.

    `state` holds two arrays for each weight, zero at first; `number` counts the steps from 1.
    """

    def sgd(weights, gradients, state, rates, number):  # type: ignore[no-untyped-def]
        return [w - _like(rates, w) * g for w, g in zip(weights, gradients, strict=True)], state

    def momentum(weights, gradients, state, rates, number):  # type: ignore[no-untyped-def]
        count = len(weights)
        velocity = [0.9 * v - _like(rates, g) * g for v, g in zip(state[:count], gradients, strict=True)]
        return [w + v for w, v in zip(weights, velocity, strict=True)], velocity + state[count:]

    def adam(weights, gradients, state, rates, number):  # type: ignore[no-untyped-def]
        count = len(weights)
        means = [0.9 * m + 0.1 * g for m, g in zip(state[:count], gradients, strict=True)]
        squares = [0.999 * s + 0.001 * g * g for s, g in zip(state[count:], gradients, strict=True)]
        scale = (1 - 0.999**number) ** 0.5 / (1 - 0.9**number)
        moved = [
            w - _like(rates, w) * scale * m / (s**0.5 + 1e-7) for w, m, s in zip(weights, means, squares, strict=True)
        ]
        return moved, means + squares

    return {"sgd": sgd, "momentum": momentum, "adam": adam}[name]


def _like(rates: Any, weight: Any) -> Any:
    """Give rates (K, 1, 1) the rank of a kernel (K, inputs, units) or a bias (K, units)."""
    return rates if len(weight.shape) == 3 else rates[:, 0]
