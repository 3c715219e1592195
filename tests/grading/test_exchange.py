import collections
import enum
import json
import math
import socket
import struct
import threading
import time

import keras
import numpy as np
import pytest

from mnist_lessons.grading import exchange, keras_models
from mnist_lessons.models import build_cnn, build_dense


@pytest.fixture
def pair():
    left, right = socket.socketpair()
    with left, right:
        yield left, right


def travel(pair, value):
    """Send a value through a pair of sockets."""
    sender = threading.Thread(target=exchange.send, args=(pair[0], value))
    sender.start()
    try:
        return exchange.receive(pair[1], deadline=time.monotonic() + 60)
    finally:
        sender.join()


@pytest.mark.parametrize(
    "value",
    [None, True, 3, 0.5, math.inf, "ä", [], [1, [2]], (1, "a"), {1, 2}, {"a": [1], 2: None}, {"array": 1}, {"list": 3}],
)
def test_plain_values_arrive_as_they_were(pair, value):
    found = travel(pair, value)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "float16", "float32", ">f8"])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 4), (2, 3, 4)])
def test_arrays_arrive_as_they_were(pair, dtype, shape):
    array = np.random.default_rng(0).integers(0, 2, shape).astype(dtype)
    found = travel(pair, {"a": array, "b": array.T})
    np.testing.assert_array_equal(found["a"], array, strict=dtype != ">f8")
    np.testing.assert_array_equal(found["b"], array.T)


def test_numpy_scalars_and_tensors_are_numbers(pair):
    found = travel(pair, [np.float32(0.5), np.int64(3), keras.ops.ones((2, 2)), np.array("text")])
    assert [type(value) for value in found] == [np.float32, np.int64, np.ndarray, str]


class Color(enum.IntEnum):
    RED = 3


class Text(str):
    def __str__(self):
        return "other"


@pytest.mark.parametrize(
    ("value", "arrives"),
    [
        (range(3), [0, 1, 2]),
        ((x for x in (1, 2)), [1, 2]),
        (map(abs, [-1]), [1]),
        (zip([1], [2], strict=True), [(1, 2)]),
        ({"a": 1}.keys(), ["a"]),
        ({"a": 1}.items(), [("a", 1)]),
        (collections.deque([1]), [1]),
        (frozenset({1}), {1}),
        (Color.RED, 3),
        (Text("text"), "text"),
        (np.longdouble(0.5), 0.5),
        (np.bool_(True), True),
    ],
)
def test_what_a_notebook_takes_for_values_arrives(pair, value, arrives):
    found = travel(pair, value)
    assert found == arrives
    assert type(found) is type(arrives) or isinstance(found, np.generic)


@pytest.mark.parametrize("value", [print, object(), np.array([None]), np.array([1j]), b"x"])
def test_nothing_else_travels(pair, value):
    with pytest.raises(ValueError, match="expected"):
        exchange.send(pair[0], value)


@pytest.mark.parametrize("build", [build_dense, build_cnn])
def test_a_model_computes_the_same_after_travelling(pair, build):
    model = build()
    model.compile(keras.optimizers.SGD(0.25), keras.losses.SparseCategoricalCrossentropy(), metrics=["accuracy"])
    images = np.random.default_rng(0).integers(0, 256, (4, 28, 28)).astype("uint8")
    found = travel(pair, model)
    np.testing.assert_array_equal(np.array(found(images)), np.array(model(images)))
    assert float(np.array(found.optimizer.learning_rate)) == 0.25
    assert isinstance(found.loss, keras.losses.SparseCategoricalCrossentropy)


def test_a_functional_model_travels(pair):
    inputs = keras.Input((3,))
    hidden = keras.layers.Dense(2)(inputs)
    model = keras.Model(inputs, keras.layers.Concatenate()([hidden, hidden]))
    np.testing.assert_array_equal(np.array(travel(pair, model)(np.ones((1, 3)))), np.array(model(np.ones((1, 3)))))


def test_sizes_may_be_numbers_of_numpy(pair):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2), keras.layers.Dropout(np.float32(0.5))])
    assert travel(pair, model).count_params() == 8


def test_a_loss_of_ones_own_stays_at_home(pair):
    def zero(labels, scores):
        return 0 * scores

    model = build_dense((4,))
    model.compile("sgd", zero)
    assert travel(pair, model).compiled is False


def change(description, path, value):
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
def test_a_tampered_model_is_refused(path, value):
    model = build_dense((4,))
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
def test_a_model_that_is_too_large_is_refused(layers):
    model = keras.Sequential([keras.Input((28, 28)), *layers])
    with pytest.raises(ValueError, match="expected at most"):
        keras_models.rebuild_model(keras_models.describe_model(model), model.get_weights())


def test_a_layer_counts_as_often_as_it_is_used():
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


def test_no_metric_is_as_large_as_it_likes():
    """AUC makes four tables of its thresholds, IoU one of its classes squared."""
    for name, config in [("AUC", {"num_thresholds": 10**10}), ("MeanIoU", {"num_classes": 10**6})]:
        model = build_dense((4,))
        model.compile("sgd", "mse", metrics=["accuracy"])
        metric = {"module": "keras.metrics", "class_name": name, "config": config, "registered_name": None}
        description = change(keras_models.describe_model(model), ["compile_config", "metrics"], [metric])
        with pytest.raises(ValueError, match=f"{name} cannot be graded"):
            keras_models.rebuild_model(description, model.get_weights())


def test_channels_come_last():
    """How much another order takes is not what is counted."""
    model = keras.Sequential([keras.Input((1, 28, 28)), keras.layers.Flatten()])
    description = keras_models.describe_model(model)
    convolution = keras.layers.MaxPooling2D(data_format="channels_first")
    description["config"]["layers"].append(keras.saving.serialize_keras_object(convolution))
    with pytest.raises(ValueError, match="cannot be graded"):
        keras_models.rebuild_model(description, [])


@pytest.mark.parametrize("module", ["keras.layers", "keras"])
def test_a_model_within_a_model_is_refused(pair, module):
    inner = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    with pytest.raises(ValueError, match="cannot be graded"):
        travel(pair, keras.Sequential([keras.Input((3,)), inner]))


@pytest.mark.parametrize(
    "text",
    [
        b"{", b"[1]", b'{"nothing": [1]}', b'{"array": "float64"}', b'{"array": "O", "shape": [1], "scalar": false}',
        b'{"array": "float64", "shape": [-1], "scalar": false}', b'{"array": "float64", "shape": 3, "scalar": false}',
        b'{"array": "float64", "shape": [Infinity], "scalar": false}',
        b'{"array": "float64", "shape": [1000000, 1000000], "scalar": false}', b'{"dict": [[{"list": []}, 1]]}',
        b'{"list": 5}', b'{"dict": 5}', b'{"set": [{"list": []}]}', b"{}", b"\xff", b"[" * 100_000,
        b'{"list": [' * 20_000, b'{"array": "no such type", "shape": [], "scalar": true}', b"1" * 10_000,
        b'{"model": {"class_name": "Sequential"}, "weights": 5}', b'{"model": 5, "weights": {"list": []}}',
    ],
)  # fmt: skip
def test_what_is_no_message_is_refused(pair, text):
    pair[0].sendall(struct.pack(">I", len(text)) + text)
    with pytest.raises(ValueError, match=r"message|model|JSON|Expecting|Extra|digits|type|delimiter|string|codec"):
        exchange.receive(pair[1], deadline=time.monotonic() + 10)


def test_a_message_that_announces_too_much_is_refused(pair):
    pair[0].sendall(struct.pack(">I", 1 << 31))
    with pytest.raises(ValueError, match="at most"):
        exchange.receive(pair[1])


def test_silence_and_half_a_message_end_at_the_deadline(pair):
    pair[0].sendall(struct.pack(">I", 100) + b"{")
    with pytest.raises(exchange.ClosedError):
        exchange.receive(pair[1], deadline=time.monotonic() + 0.1)


def test_the_end_of_the_other_side_is_noticed(pair):
    pair[0].close()
    with pytest.raises(exchange.ClosedError):
        exchange.receive(pair[1])
    with pytest.raises(exchange.ClosedError):
        exchange.send(pair[1], 1)
