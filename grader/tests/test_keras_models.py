"""Keras models between a worker and a student process."""

import json
import socket
import subprocess
import sys
from typing import Any

import keras
import numpy as np
import pytest
from test_protocol import travel

from coursegrader import keras_models


def build_small() -> Any:
    """Return a small network with layers like those in an introductory course."""
    return keras.Sequential(
        [
            keras.Input((28, 28), dtype="uint8"),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Flatten(),
            keras.layers.Dense(4, activation="relu", kernel_initializer="glorot_uniform"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


def build_convolutional() -> Any:
    return keras.Sequential(
        [
            keras.Input((28, 28), dtype="uint8"),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Reshape((28, 28, 1)),
            keras.layers.Conv2D(3, 5, strides=2, padding="same", activation="relu"),
            keras.layers.MaxPooling2D(2),
            keras.layers.Flatten(),
            keras.layers.Dropout(0.4),
            keras.layers.Dense(10),
        ]
    )


@pytest.mark.parametrize("build", [build_small, build_convolutional])
def test_model_computes_the_same_after_serialization(pair: tuple[socket.socket, socket.socket], build: Any) -> None:
    model = build()
    model.compile(keras.optimizers.SGD(0.25), keras.losses.SparseCategoricalCrossentropy(), metrics=["accuracy"])
    images = np.random.default_rng(0).integers(0, 256, (4, 28, 28)).astype("uint8")
    found = travel(pair, model)
    np.testing.assert_array_equal(np.array(found(images)), np.array(model(images)))
    assert float(np.array(found.optimizer.learning_rate)) == 0.25
    assert isinstance(found.loss, keras.losses.SparseCategoricalCrossentropy)


def test_functional_model_is_serialized(pair: tuple[socket.socket, socket.socket]) -> None:
    inputs = keras.Input((3,))
    hidden = keras.layers.Dense(2)(inputs)
    model = keras.Model(inputs, keras.layers.Concatenate()([hidden, hidden]))
    np.testing.assert_array_equal(np.array(travel(pair, model)(np.ones((1, 3)))), np.array(model(np.ones((1, 3)))))


def test_layer_sizes_may_be_numpy_integers(pair: tuple[socket.socket, socket.socket]) -> None:
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2), keras.layers.Dropout(np.float32(0.5))])
    assert travel(pair, model).count_params() == 8


def test_custom_loss_is_not_serialized(pair: tuple[socket.socket, socket.socket]) -> None:
    def zero(labels: np.ndarray, scores: Any) -> Any:
        return 0 * scores

    model = build_small()
    model.compile("sgd", zero)
    assert travel(pair, model).compiled is False


def change(description: Any, path: Any, value: Any) -> Any:
    """Return a model's description with something else at a path."""
    description = json.loads(json.dumps(description))
    node = description
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value
    return description


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["module"], "os"),
        (["class_name"], "system"),
        (["config", "layers", 3, "class_name"], "Lambda"),
        (["config", "layers", 3, "class_name"], "TFSMLayer"),
        (["config", "layers", 3, "module"], "subprocess"),
        (["config", "layers", 3, "registered_name"], "Custom>Dense"),
        (
            ["config", "layers", 3, "config", "activation"],
            {"class_name": "function", "module": "os", "config": "system"},
        ),
        (["config", "layers", 3, "config", "kernel_initializer", "module"], "builtins"),
        (["config", "layers", 3, "config", "units"], 10**9),
        (["config", "layers", 3, "config", "units"], -1),
        (["config", "layers", 3, "config", "units"], "many"),
        (["config", "layers"], []),
        (["config", "layers"], [{}] * 1000),
        (["config"], {}),
        (["config"], None),
        (["build_config"], {"input_shape": [None, 10**6, 10**6]}),
    ],
)
def test_tampered_model_is_refused(path: Any, value: Any) -> None:
    model = build_small()
    description = change(keras_models.describe_model(model), path, value)
    if path == ["build_config"]:
        description["config"]["layers"][0]["config"]["batch_shape"] = [None, 10**6, 10**6]
    with pytest.raises(ValueError, match="model"):
        keras_models.rebuild_model(description, model.get_weights())


@pytest.mark.parametrize(
    "layers",
    [
        [keras.layers.Flatten(), keras.layers.Dense(3000)],
        [keras.layers.Reshape((28, 28, 1)), keras.layers.Conv2D(5000, 1)],
        [keras.layers.Reshape((28, 28, 1)), keras.layers.Conv2D(64, 3), keras.layers.Conv2D(200, 3)],
        [keras.layers.Reshape((28, 28, 1)), keras.layers.MaxPooling2D(300, strides=1, padding="same")],
        [keras.layers.Reshape((28, 28, 1)), keras.layers.AveragePooling2D(300, strides=1, padding="same")],
    ],
    ids=["weights", "activations", "multiplications", "maximum", "average"],
)
def test_model_that_is_too_large_is_refused(layers: Any) -> None:
    model = keras.Sequential([keras.Input((28, 28)), *layers])
    with pytest.raises(ValueError, match="expected at most"):
        keras_models.rebuild_model(keras_models.describe_model(model), model.get_weights())


def test_shared_layer_counts_as_often_as_it_is_used() -> None:
    inputs = keras.Input((28, 28))
    outputs, layer = keras.layers.Flatten()(inputs), keras.layers.Dense(784)
    for _ in range(90):
        outputs = layer(outputs)
    model = keras.Model(inputs, outputs)
    with pytest.raises(ValueError, match="expected at most 50,000,000 multiplications"):
        keras_models.rebuild_model(keras_models.describe_model(model), model.get_weights())
    for _ in range(20):
        outputs = layer(outputs)
    model = keras.Model(inputs, outputs)
    with pytest.raises(ValueError, match="expected at most 100 uses of layers"):
        keras_models.rebuild_model(keras_models.describe_model(model), model.get_weights())


def test_metric_that_is_too_large_is_refused() -> None:
    """AUC makes four tables of its thresholds, IoU one of its classes squared."""
    for name, config in [("AUC", {"num_thresholds": 10**10}), ("MeanIoU", {"num_classes": 10**6})]:
        model = build_small()
        model.compile("sgd", "mse", metrics=["accuracy"])
        metric = {"module": "keras.metrics", "class_name": name, "config": config, "registered_name": None}
        description = change(keras_models.describe_model(model), ["compile_config", "metrics"], [metric])
        with pytest.raises(ValueError, match=f"{name} cannot be graded"):
            keras_models.rebuild_model(description, model.get_weights())


def test_channels_first_is_refused() -> None:
    """How much another order takes is not what is counted."""
    model = keras.Sequential([keras.Input((1, 28, 28)), keras.layers.Flatten()])
    description = keras_models.describe_model(model)
    convolution = keras.layers.MaxPooling2D(data_format="channels_first")
    description["config"]["layers"].append(keras.saving.serialize_keras_object(convolution))
    with pytest.raises(ValueError, match="cannot be graded"):
        keras_models.rebuild_model(description, [])


@pytest.mark.parametrize("module", ["keras.layers", "keras"])
def test_nested_model_is_refused(pair: tuple[socket.socket, socket.socket], module: str) -> None:
    inner = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    with pytest.raises(ValueError, match="cannot be graded"):
        travel(pair, keras.Sequential([keras.Input((3,)), inner]))


def test_model_is_refused_where_keras_is_not_installed() -> None:
    code = """
import socket, sys
sys.modules["keras"] = None
from coursegrader import protocol
left, right = socket.socketpair()
text = b'{"model": {"dict": []}, "weights": {"list": []}}'
left.sendall(len(text).to_bytes(4, "big") + text)
protocol.receive(right)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8")
    assert done.stderr.endswith("ValueError: model: cannot be graded where Keras is not installed\n")
