import dataclasses
import itertools
from typing import Any

import numpy as np
import pytest

from mnist_lessons import data, models, sweeps
from mnist_lessons.sweeps import Setting, batches, final, initial_weights, run


@pytest.fixture(scope="module")
def splits() -> Any:
    return data.split_mnist()


def keras_model(setting: Any, *, seed: int) -> Any:
    import keras

    optimizer = {
        "sgd": keras.optimizers.SGD(setting.learning_rate),
        "momentum": keras.optimizers.SGD(setting.learning_rate, momentum=0.9),
        "adam": keras.optimizers.Adam(setting.learning_rate),
    }[setting.optimizer]
    model = models.build_dense(setting.units, activation=setting.activation)
    model.set_weights(initial_weights(setting, seed=seed))
    model.compile(optimizer=optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def fit(model: Any, train: Any, setting: Any, *, seed: int) -> Any:
    """Train with Keras on the same batches, each epoch's in a call of its own; return the epochs' losses."""
    losses = []
    for _, order in zip(
        range(setting.epochs), batches(len(train[0]), batch_size=setting.batch_size, seed=seed), strict=False
    ):
        chosen = order.ravel()
        history = model.fit(train[0][chosen], train[1][chosen], batch_size=setting.batch_size, shuffle=False, verbose=0)
        losses += history.history["loss"]
    return losses


@pytest.mark.parametrize(
    ("activation", "optimizer", "learning_rate"),
    [("relu", "sgd", 0.1), ("sigmoid", "momentum", 0.05), ("relu", "adam", 0.003)],
)
def test_losses_equal_those_of_fit_from_the_same_weights_and_batches(
    splits: Any, activation: str, optimizer: str, learning_rate: float
) -> None:
    setting = Setting((20, 15), activation, "glorot_uniform", optimizer, learning_rate, batch_size=50, epochs=3)
    beside = dataclasses.replace(setting, learning_rate=learning_rate / 2, initializer="he_normal")
    train = splits.train[0][:215], splits.train[1][:215]
    evaluation = splits.validation[0][:2345], splits.validation[1][:2345]
    rows = run([setting, beside], seeds=[3, 4], train=train, evaluation=evaluation)
    for own, seed in itertools.product((setting, beside), (3, 4)):
        mine = [row for row in rows if (row["learning_rate"], row["seed"]) == (own.learning_rate, seed)]
        ours = [row["training_loss"] for row in mine][1:]
        model = keras_model(own, seed=seed)
        np.testing.assert_allclose(ours, fit(model, train, own, seed=seed), atol=1e-4)
        loss, accuracy = model.evaluate(*evaluation, batch_size=1000, verbose=0)
        (last,) = final(mine)
        assert last["loss"] == pytest.approx(loss, abs=1e-3)
        assert last["accuracy"] == pytest.approx(accuracy, abs=1e-3)


def test_mean_accuracy_over_seeds_is_that_of_fit_with_its_own_shuffle(splits: Any) -> None:
    import keras

    setting = Setting((50, 50), learning_rate=0.1, batch_size=200, epochs=2)
    seeds = range(5)
    rows = final(run([setting], seeds=seeds, train=splits.train, evaluation=splits.validation))
    theirs = []
    for seed in seeds:
        keras.utils.set_random_seed(100 + seed)
        model = models.build_dense(setting.units)
        model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy", steps_per_execution=50)
        model.fit(*splits.train, batch_size=200, epochs=2, verbose=0)
        answers = model.predict(splits.validation[0], batch_size=1000, verbose=0).argmax(axis=1)
        theirs.append(np.mean(answers == splits.validation[1]))
    assert np.mean([row["accuracy"] for row in rows]) == pytest.approx(np.mean(theirs), abs=0.003)


def test_gradients_and_saturation_are_those_that_keras_gives(splits: Any) -> None:
    import keras
    import tensorflow as tf

    setting = Setting((30, 20), "sigmoid", epochs=0)
    (row,) = run([setting], seeds=[1], train=splits.train, evaluation=splits.validation)
    images, labels = splits.train[0][:1000], splits.train[1][:1000]
    model = keras_model(setting, seed=1)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(labels, model(images)))
    gradients = tape.gradient(loss, [layer.kernel for layer in model.layers if layer.weights])
    expected = [np.sqrt(np.mean(gradient.numpy() ** 2)) for gradient in gradients]
    np.testing.assert_allclose(row["gradient_rms"], expected, rtol=1e-4)

    signal, flat = images.reshape(-1, 784) / 255, []
    for kernel, bias in zip(*[iter(initial_weights(setting, seed=1))] * 2, strict=True):
        signal = 1 / (1 + np.exp(-(signal @ kernel + bias)))
        flat.append(signal * (1 - signal) < 0.05 / 4)
    hidden = np.concatenate(flat[:-1], axis=1)
    assert row["saturated"] == pytest.approx(hidden.mean(), abs=1e-4)
    assert row["dead"] == pytest.approx(hidden.all(axis=0).mean())


def test_units_that_never_fire_are_counted_as_dead(splits: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    setting = Setting((8,), epochs=1, batch_size=10)
    weights = initial_weights(setting, seed=0)
    weights[1][:2] = -1000
    monkeypatch.setattr(sweeps, "initial_weights", lambda *_, **__: weights)
    rows = run([setting], seeds=[0], train=splits.train, evaluation=splits.validation)
    assert [row["dead"] for row in rows] == [0.25, 0.25]
    assert rows[0]["saturated"] >= 0.25


def test_a_network_does_not_depend_on_those_trained_beside_it(splits: Any) -> None:
    train = splits.train[0][:1000], splits.train[1][:1000]
    slow = Setting((10,), batch_size=100, epochs=2, learning_rate=0.05)
    fast = dataclasses.replace(slow, learning_rate=0.5, initializer="he_normal")
    third = dataclasses.replace(slow, learning_rate=0.1)
    together = run([slow, fast, third], seeds=[0, 1, 2], train=train, evaluation=splits.validation, stack_size=2)
    assert len(together) == 3 * 3 * 3
    alone = run([fast], seeds=[2], train=train, evaluation=splits.validation)
    beside = [row for row in together if row["seed"] == 2 and row["learning_rate"] == 0.5]
    (_, *_, plain) = run([fast], seeds=[2], train=train, evaluation=splits.validation, jit_compile=False)
    assert plain["loss"] == pytest.approx(alone[-1]["loss"], rel=1e-4)
    np.testing.assert_allclose([row["loss"] for row in beside], [row["loss"] for row in alone], rtol=1e-4)
    assert beside[-1]["loss"] < min(row["loss"] for row in final(together) if row["learning_rate"] == 0.05)


def test_seeds_differ_in_weights_and_in_the_order_of_images() -> None:
    setting = Setting((5,), initializer="he_normal")
    first, again, other = (initial_weights(setting, seed=seed)[0] for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.01
    assert first.std() == pytest.approx((2 / 784) ** 0.5, rel=0.05)
    first, again, other = (next(batches(105, batch_size=10, seed=seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert first.shape == (10, 10)
    assert len(np.unique(first)) == 100
    assert not np.array_equal(first, other)


def test_steepest_slopes() -> None:
    import keras
    import tensorflow as tf

    sums = tf.linspace(-5.0, 5.0, 10_001)
    for name, steepest in sweeps.STEEPEST.items():
        slope = sweeps._slope(tf, keras.activations.get(name), sums)
        assert np.max(slope) == pytest.approx(steepest, rel=1e-3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"activation": "sine"}, "activation: expected one of relu, sigmoid, tanh, .*, got 'sine'"),
        ({"optimizer": "lion"}, "optimizer: expected one of sgd, momentum, adam, got 'lion'"),
        ({"units": ()}, "Setting: expected hidden layers, positive sizes"),
        ({"epochs": -1}, "Setting: expected hidden layers, .* no negative epochs"),
        ({"learning_rate": -0.1}, "Setting: expected hidden layers, positive sizes"),
    ],
)
def test_a_setting_that_cannot_be_trained_is_refused(change: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Setting(**{"units": (5,), **change})


def test_too_few_images_for_a_batch(splits: Any) -> None:
    few = splits.train[0][:9], splits.train[1][:9]
    with pytest.raises(ValueError, match="train: expected at least 10 images, got 9"):
        run([Setting((5,), batch_size=10)], seeds=[0], train=few, evaluation=splits.validation)


def test_a_stack_of_no_networks(splits: Any) -> None:
    with pytest.raises(ValueError, match="stack_size: expected at least 1 network, got -1"):
        run([Setting((5,))], seeds=[0], train=splits.train, evaluation=splits.validation, stack_size=-1)


def test_a_label_for_each_image(splits: Any) -> None:
    odd = splits.train[0][:20], splits.train[1][:21]
    with pytest.raises(ValueError, match="evaluation: expected a label for each image, got 20 images, 21 labels"):
        run([Setting((5,))], seeds=[0], train=splits.train, evaluation=odd)


def test_float_images_are_refused(splits: Any) -> None:
    wrong = splits.train[0][:100] / 255, splits.train[1][:100]
    with pytest.raises(ValueError, match="train images: expected an array of shape"):
        run([Setting((5,), batch_size=10)], seeds=[0], train=wrong, evaluation=splits.validation)
