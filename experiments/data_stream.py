"""Ten times more data: 600,000 turned and moved digits against 60,000 digits shown ten times."""

import functools
from typing import TYPE_CHECKING

import numpy as np

from experiments.clock import Clock
from experiments.data_size import BATCH_SIZE, LEARNING_RATE, NETWORKS, error
from experiments.runner import measure, save_table
from mnist_lessons.augmentation import augment
from mnist_lessons.data import Split, load_mnist
from mnist_lessons.loops import adam_with_cosine_decay
from mnist_lessons.tables import Row

if TYPE_CHECKING:
    import tensorflow as tf

# The dense network gains so clearly that three seeds show it.
SEEDS = {"dense": range(3), "CNN": range(5)}
ALL = 600_000
SHOWN = (60_000, 230_000, ALL)
STEPS_PER_EXECUTION = 20
# How far digits are turned and moved at most; a guess, tuned on nothing.
DEGREES, PIXELS = 10, 1


def main() -> None:
    """Make the two tables."""
    compared = [
        (network, source, ALL, seed)
        for network, seeds in SEEDS.items()
        for seed in seeds
        for source in ("repeated", "streamed")
    ]
    weighed = [("dense", source, shown, 0) for source in ("streamed", "generator") for shown in SHOWN]
    weighed += [("dense", "repeated", shown, 0) for shown in SHOWN] + [("dense", "array", ALL, 0)]
    for table, cases, seeds in (("data-stream", compared, "dense: 0 to 2, CNN: 0 to 4"), ("data-memory", weighed, "0")):
        runs = [measure(train, *case) for case in cases]
        save_table(table, runs, rows=[run.result for run in runs], experiment="data_stream", seeds=seeds)


def train(network: str, source: str, shown: int, seed: int) -> Row:
    """Train on a number of images, seen in batches of 125, and return what it took and the error on the test images."""
    import keras

    keras.utils.set_random_seed(seed)
    examples, test = load_mnist()
    steps = shown // BATCH_SIZE
    model = NETWORKS[network]()
    with Clock() as clock:
        model.compile(
            optimizer=adam_with_cosine_decay(LEARNING_RATE, steps),
            loss="sparse_categorical_crossentropy",
            steps_per_execution=STEPS_PER_EXECUTION,
        )
        model.fit(batches(source, examples, seed=seed), steps_per_epoch=steps, shuffle=False, verbose=0)
    which = {"network": network, "source": source, "images": shown, "seed": seed, "steps": steps}
    spent = {"cpu_seconds": clock.cpu_seconds, "peak_mb": clock.peak_mb}
    return {**which, **spent, "test_error": error(model, *test)}


def batches(source: str, examples: Split, *, seed: int) -> "tf.data.Dataset":
    """Return batches without end, of the images themselves or of images turned and moved at random each time.

    Parameters
    ----------
    source
        ``repeated``: the images as they are; ``streamed``: each batch is changed on its way, in a step of the
        pipeline; ``generator``: a Python generator draws and changes each batch; ``array``: ten changed copies of
        every image are made first and held in memory.
    examples
        Images (n, 28, 28) uint8 and labels (n,).
    seed
        Decides the order of the images and how each is changed.
    """
    import tensorflow as tf

    images, labels = examples
    generator = np.random.default_rng(seed)
    change = functools.partial(augment, generator=generator, degrees=DEGREES, pixels=PIXELS)

    def changed(batch, batch_labels):  # type: ignore[no-untyped-def]
        moved = tf.numpy_function(change, [batch], "uint8")
        return tf.ensure_shape(moved, batch.shape), batch_labels

    def drawn():  # type: ignore[no-untyped-def]
        while True:
            for chosen in generator.permutation(len(labels)).reshape(-1, BATCH_SIZE):
                yield change(images[chosen]), labels[chosen]

    if source == "generator":
        form = (
            tf.TensorSpec((BATCH_SIZE, 28, 28), "uint8"),
            tf.TensorSpec((BATCH_SIZE,), "uint8"),
        )
        return tf.data.Dataset.from_generator(drawn, output_signature=form).prefetch(2)
    if source == "array":
        copies = np.empty((10 * len(images), 28, 28), "uint8")
        for start in range(0, len(copies), len(images)):
            copies[start : start + len(images)] = change(images)
        images, labels = copies, np.tile(labels, 10)
    pipeline = tf.data.Dataset.from_tensor_slices((images, labels)).shuffle(60_000, seed=seed).repeat()
    pipeline = pipeline.batch(BATCH_SIZE, drop_remainder=True)
    return (pipeline.map(changed) if source == "streamed" else pipeline).prefetch(2)
