from typing import Any

import numpy as np
import pytest

from mnist_lessons import data, loops, models

IMAGES, LABELS = (array[:256] for array in data.load_mnist()[0])


def weights(model: Any) -> np.ndarray:
    return np.concatenate([array.ravel() for array in model.get_weights()])


def test_compiled_epoch_gives_the_weights_and_losses_of_fit() -> None:
    import keras
    import tensorflow as tf

    def compiled() -> Any:
        keras.utils.set_random_seed(1)
        model = models.build_dense((16,))
        optimizer = keras.optimizers.SGD(0.1)
        model.compile(optimizer=optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
        return model

    by_fit, by_epoch = compiled(), compiled()
    history = by_fit.fit(IMAGES, LABELS, batch_size=32, shuffle=False, verbose=0).history
    order = tf.reshape(tf.range(256), (-1, 32))
    train_epoch = loops.compiled_epoch(
        by_epoch,
        by_epoch.optimizer,
        keras.losses.sparse_categorical_crossentropy,
        metrics=[keras.metrics.sparse_categorical_accuracy],
        jit_compile=True,
    )
    loss, accuracy = train_epoch(IMAGES, tf.constant(LABELS.astype("int32")), order)
    np.testing.assert_allclose(weights(by_epoch), weights(by_fit), atol=1e-5)
    assert float(loss) == pytest.approx(history["loss"][0], abs=1e-4)
    assert float(accuracy) == pytest.approx(history["accuracy"][0])


def test_fast_training_gives_the_weights_and_losses_of_fit() -> None:
    import keras

    class Triangle(keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, step: Any) -> Any:
            step = keras.ops.cast(step, "float32")
            return 0.02 * keras.ops.minimum(step / 3, (12 - step) / 9)

    def drawn() -> Any:
        keras.utils.set_random_seed(1)
        return models.build_fast_cnn(0.25)

    by_fit, fast = drawn(), drawn()
    history = loops.fit_fast(fast, (IMAGES, LABELS), seed=5, epochs=1.5, batch_size=32)
    generator = np.random.default_rng(5)
    order = np.concatenate([generator.permutation(256), generator.permutation(256)[:128]])
    smoothed = keras.losses.CategoricalCrossentropy(label_smoothing=0.05)
    by_fit.compile(keras.optimizers.Adam(Triangle(), beta_2=0.99), smoothed)
    losses = [
        by_fit.fit(IMAGES[part], data.one_hot(LABELS[part]), batch_size=32, shuffle=False, verbose=0).history["loss"][0]
        for part in (order[:256], order[256:])
    ]
    assert history["loss"] == pytest.approx(losses, abs=1e-3)
    np.testing.assert_allclose(weights(fast), weights(by_fit), atol=2e-3)
    assert np.abs(weights(fast) - weights(drawn())).max() > 0.1
