import importlib
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import mnist_lessons
from mnist_lessons import data, models


@pytest.fixture(scope="module")
def images() -> Any:
    return data.load_mnist()[1][0][:50]


@pytest.mark.parametrize("build", [models.build_dense, models.build_cnn, models.build_fast_cnn])
def test_models_take_mnist_as_it_is_and_answer_with_probabilities(build: Any, images: Any) -> None:
    probabilities = build().predict(images, verbose=0)
    assert probabilities.shape == (50, 10)
    data.check_probabilities(probabilities)


@pytest.mark.parametrize(
    "build", [models.build_dense, models.build_cnn, models.build_fast_cnn, models.build_autoencoder]
)
def test_models_refuse_images_that_are_not_bytes(build: Any, images: Any) -> None:
    model = build()
    model.compile("sgd", "mse")
    for other in (images / 255, (images / 255).astype("float32"), images.astype("float32"), images.astype("int64")):
        for use in (model, model.predict, model.predict_on_batch, lambda given: model.evaluate(given, given)):
            with pytest.raises(ValueError, match="expected dtype=uint8, found dtype=(float|int)"):
                use(other)


def test_the_dense_network_has_the_parameters_that_the_book_counts() -> None:
    # (784 + 1) * 128 + (128 + 1) * 128 + (128 + 1) * 10
    assert models.build_dense().count_params() == 118_282


def test_the_dense_network_is_matrix_products_and_relu(images: Any) -> None:
    model = models.build_dense((5, 4))
    w1, b1, w2, b2, w3, b3 = model.get_weights()
    hidden = np.maximum(images.reshape(50, 784) / 255 @ w1 + b1, 0)
    hidden = np.maximum(hidden @ w2 + b2, 0)
    logits = hidden @ w3 + b3
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.predict(images, verbose=0), expected, atol=1e-5)


def test_the_activation_and_the_initializer_are_those_asked_for() -> None:
    model = models.build_dense((7,), activation="sigmoid", kernel_initializer="zeros")
    hidden = model.layers[-2]
    assert hidden.activation.__name__ == "sigmoid"
    assert not hidden.kernel.numpy().any()
    assert model.layers[-1].kernel.numpy().any()


def test_the_fast_network_has_the_parameters_that_its_layers_add_up_to() -> None:
    # A normalization has an offset to learn, and two numbers a map that it keeps.
    convolutions = (25 + 1) * 16, 9 * 16 * 32 + 3 * 32, 9 * 32 * 64 + 3 * 64
    assert models.build_fast_cnn().count_params() == sum(convolutions) + (2 * 2 * 64 + 1) * 10
    assert [layer.filters for layer in models.build_fast_cnn(0.5).layers if hasattr(layer, "filters")] == [8, 16, 32]
    deep = sum(convolutions) + 9 * 64 * 64 + 3 * 64 + (64 + 1) * 10
    assert models.build_fast_cnn(deep=True).count_params() == deep
    with pytest.raises(ValueError, match="width: expected at least 1/16, got 0.05"):
        models.build_fast_cnn(0.05)


def normalizations() -> list[Any]:
    import keras

    ours, theirs = models.fused_normalization()(), keras.layers.BatchNormalization(momentum=0.9, scale=False)
    return [keras.Sequential([keras.Input((6, 5, 3)), layer]) for layer in (ours, theirs)]


def test_the_fused_normalization_is_that_of_keras() -> None:
    import tensorflow as tf

    generator = np.random.default_rng(0)
    ours, theirs = normalizations()
    for model in (ours, theirs):
        model.layers[0].beta.assign([1.0, -2.0, 0.5])
    for _ in range(3):
        maps = tf.constant(generator.normal(3, 2, (4, 6, 5, 3)), "float32")
        gradients = []
        for model in (ours, theirs):
            with tf.GradientTape() as tape:
                tape.watch(maps)
                loss = tf.reduce_sum(model(maps, training=True) ** 3)
            gradients.append(tape.gradient(loss, [maps, model.layers[0].beta.value]))
        np.testing.assert_allclose(ours(maps, training=True), theirs(maps, training=True), atol=1e-5)
        for mine, other in zip(*gradients, strict=True):
            np.testing.assert_allclose(mine, other, rtol=1e-5, atol=1e-3)
    # What they remember is the same, hence what they do when training is over.
    for mine, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-5)
    np.testing.assert_allclose(ours(maps), theirs(maps), atol=1e-5)
    assert np.abs(ours(maps).numpy() - ours(maps, training=True).numpy()).max() > 0.1


def test_a_model_with_fused_normalization_comes_back_from_a_file(tmp_path: Path, images: Any) -> None:
    import keras

    model = models.build_fast_cnn(0.25)
    model(images, training=True)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(model(images), again(images))


def test_autoencoder_is_matrix_products_between_images(images: Any) -> None:
    model = models.build_autoencoder((9, 4, 8))
    assert model.count_params() == 785 * 9 + 10 * 4 + 5 * 8 + 9 * 784
    signal = images.reshape(50, 784) / 255
    weights = model.get_weights()
    for kernel, bias in zip(weights[:-2:2], weights[1:-2:2], strict=True):
        signal = np.maximum(signal @ kernel + bias, 0)
    expected = 1 / (1 + np.exp(-(signal @ weights[-2] + weights[-1])))
    np.testing.assert_allclose(model.predict(images, verbose=0).reshape(50, 784), expected, atol=1e-5)
    np.testing.assert_array_equal(
        models.denoise(model, images), np.rint(255 * model.predict(images, verbose=0)).astype("uint8")
    )
    assert models.denoise(model, np.repeat(images, 30, axis=0)).shape == (1500, 28, 28)


@pytest.mark.parametrize(("name", "other"), [("floatx", "float64"), ("image_data_format", "channels_first")])
def test_other_settings_of_keras_are_named_on_import_and_before_a_model_is_built(name: str, other: str) -> None:
    before = getattr(keras.config, name)()
    getattr(keras.config, f"set_{name}")(other)
    try:
        with pytest.raises(RuntimeError, match=rf"^Keras: expected the {name} {before}, got {other}; .*keras\.json"):
            models.build_cnn()
        with pytest.raises(RuntimeError, match=other):
            importlib.reload(mnist_lessons)
    finally:
        getattr(keras.config, f"set_{name}")(before)
