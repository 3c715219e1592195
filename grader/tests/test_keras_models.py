"""Keras models between a worker and a student process."""

import inspect
import json
import re
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from test_protocol import travel

from coursegrader import grade, keras_models


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
        (
            ["config", "layers", 3, "config", "activation"],
            {"class_name": "function", "module": "builtins", "config": "deserialize"},
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
        [keras.layers.Conv1D(1, 3, padding="causal", dilation_rate=2**24)],
    ],
    ids=["weights", "activations", "multiplications", "maximum", "average", "padding"],
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
        with pytest.raises(ValueError, match=f"{name} cannot be graded: num_.* expected at most 1,000"):
            keras_models.rebuild_model(description, model.get_weights())


def test_channels_first_is_refused() -> None:
    """How much another order takes is not what is counted."""
    model = keras.Sequential([keras.Input((2, 28, 28)), keras.layers.MaxPooling2D()])
    description = change(keras_models.describe_model(model), ["config", "layers", 1, "config"], {})
    description["config"]["layers"][1]["config"] = {"data_format": "channels_first"}
    with pytest.raises(ValueError, match="expected data_format to be channels_last"):
        keras_models.rebuild_model(description, [])


def test_models_may_be_nested_and_augment_images_and_metrics_may_be_functions(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    augmentation = keras.Sequential([keras.layers.RandomTranslation(0.0, 0.0), keras.layers.RandomRotation(0.0)])
    inner = keras.Sequential([keras.Input((28, 28)), keras.layers.Conv1D(4, 3), keras.layers.GroupNormalization(2)])
    model = keras.Sequential([keras.Input((28, 28, 1)), augmentation, keras.layers.Reshape((28, 28)), inner])
    for layer in (keras.layers.Permute((2, 1)), keras.layers.Identity(), keras.layers.Flatten(), keras.layers.Dense(3)):
        model.add(layer)
    model.compile("adam", keras.losses.sparse_categorical_crossentropy, [keras.metrics.sparse_categorical_accuracy])
    found = travel(pair, model)
    images = np.random.default_rng(0).random((2, 28, 28, 1)).astype("float32")
    np.testing.assert_array_equal(np.array(found(images)), np.array(model(images)))
    assert found.loss is keras.losses.sparse_categorical_crossentropy


def repeat(model: Any, times: int) -> Any:
    """Return a model that calls another one on its own outputs."""
    inputs = outputs = keras.Input(model.input_shape[1:])
    for _ in range(times):
        outputs = model(outputs)
    return keras.Model(inputs, outputs)


def test_nested_models_are_measured_with_what_is_inside() -> None:
    """Each level calls the one below ten times."""
    model = keras.Sequential([keras.Input((100,)), keras.layers.Dense(100)])
    model = repeat(repeat(model, 10), 10)
    with pytest.raises(ValueError, match="expected at most 100 uses of layers, got 321"):
        keras_models.rebuild_model(keras_models.describe_model(model), model.get_weights())
    model = repeat(keras.Sequential([keras.Input((1400,)), keras.layers.Dense(1400)]), 30)
    with pytest.raises(ValueError, match="expected at most 50,000,000 multiplications per example, got 58,"):
        keras_models.rebuild_model(keras_models.describe_model(model), model.get_weights())


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # while objects are deleted
def test_model_that_takes_too_long_to_measure_is_stopped(pair: tuple[socket.socket, socket.socket]) -> None:
    model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.RandAugment()])
    description = keras_models.describe_model(model)
    for number in range(90):
        slow = change(description["config"]["layers"][1], ["config", "name"], f"slow_{number}")
        description["config"]["layers"].append(slow)
    with pytest.raises(grade._OutOfTime), grade._bounded(time.monotonic() + 0.5):
        keras_models.rebuild_model(description, model.get_weights())
    assert travel(pair, build_small()).count_params() == 3190


def test_message_says_why_a_layer_cannot_be_graded() -> None:
    @keras.saving.register_keras_serializable("mine")
    class Twice(keras.layers.Layer):  # type: ignore[misc]  # has no types
        def call(self, inputs: Any) -> Any:
            return 2 * inputs

    inputs = keras.Input((8, 8, 3))
    for layer, expected in {
        Twice(): "Twice cannot be graded: it is a class of your own",
        keras.layers.Lambda(lambda values: values): "keras.layers.Lambda cannot be graded: it contains code",
    }.items():
        description = keras_models.describe_model(keras.Model(inputs, layer(inputs)))
        with pytest.raises(ValueError, match=expected):
            keras_models.rebuild_model(description, [])
    sizes = keras.Input((None, 8, 3))
    model = keras.Model(sizes, keras.layers.ReLU()(sizes))
    with pytest.raises(ValueError, match="expected a size for each axis, got None in layer"):
        keras_models.rebuild_model(keras_models.describe_model(model), [])


def test_every_layer_of_keras_is_decided_and_documented() -> None:
    names: dict[Any, set[str]] = {}
    for name, value in vars(keras.layers).items():
        if isinstance(value, type) and issubclass(value, keras.layers.Layer):
            names.setdefault(value, set()).add(name)  # some have several
    decided = set(keras_models._REASONS)
    assert all(len(aliases & decided) == 1 for aliases in names.values()), [
        aliases for aliases in names.values() if len(aliases & decided) != 1
    ]
    assert decided == decided & set().union(*names.values())
    text = Path(__file__).parents[1].joinpath("README.md").read_text(encoding="utf-8")
    table = {line for line in text.splitlines() if line.startswith("| ")}
    for kind, layers in {**keras_models.LAYERS, **keras_models.REFUSED}.items():
        assert f"| {kind} | {', '.join(layers.split())} |" in table


# What layers need to be made, where it is not the same for all that have a parameter of that name; and their input.
OPTIONS: dict[str, dict[str, Any]] = {
    "Activation": {"activation": "relu"},
    "Bidirectional": {"layer": keras.layers.LSTM(2)},
    "CategoryEncoding": {"num_tokens": 4, "output_mode": "count"},
    "Discretization": {"bin_boundaries": [0.1, 0.5]},
    "Dot": {"axes": 2},
    "EinsumDense": {"equation": "abcd,de->abce", "output_shape": (8, 8, 4)},
    "GroupQueryAttention": {"head_dim": 2, "num_query_heads": 2, "num_key_value_heads": 1},
    "GroupNormalization": {"groups": 3},
    "MultiHeadAttention": {"num_heads": 2, "key_dim": 2},
    "Normalization": {"mean": [0.0, 1.0, 2.0], "variance": [1.0, 2.0, 3.0]},
    "Permute": {"dims": (2, 1, 3)},
    "Pipeline": {"layers": [keras.layers.Rescaling(0.5)]},
    "RandomPosterization": {"factor": 4},
    "RNN": {"cell": keras.layers.StackedRNNCells([keras.layers.GRUCell(2), keras.layers.SimpleRNNCell(2)])},
    "Reshape": {"target_shape": (64, 3)},
    "Solarization": {"value_range": (0, 1)},
    "SpectralNormalization": {"layer": keras.layers.Dense(2)},
    "TimeDistributed": {"layer": keras.layers.Dense(2)},
}
GIVEN = {
    "bits": 2,
    "factor": 0.3,
    "filters": 2,
    "height": 4,
    "height_factor": 0.3,
    "input_dim": 5,
    "kernel_size": 2,
    "n": 3,
    "output_dim": 2,
    "output_size": 2,
    "pool_size": 2,
    "rate": 0.3,
    "scale": 2,
    "stddev": 0.3,
    "units": 2,
    "width": 4,
    "width_factor": 0.3,
}
SHAPES = {
    "Embedding": (6,), "CategoryEncoding": (6,), "ReversibleEmbedding": (6,), "RepeatVector": (6,),
    **dict.fromkeys(["Bidirectional", "GRU", "LSTM", "Masking", "RNN", "SimpleRNN", "TimeDistributed", "Dot"], (5, 3)),
    **dict.fromkeys(["AdditiveAttention", "Attention", "GroupQueryAttention", "MultiHeadAttention"], (5, 3)),
}  # fmt: skip
PAIRS = {
    "Add",
    "AdditiveAttention",
    "Attention",
    "Average",
    "Concatenate",
    "Dot",
    "Maximum",
    "Minimum",
    "Multiply",
    "Subtract",
}
INSIDE = {"GRUCell", "LSTMCell", "SimpleRNNCell", "StackedRNNCells", "InputLayer"}


def test_layer_that_is_stopped_within_its_call_does_not_tell_later_ones_to_train() -> None:
    class Endless(keras.layers.Layer):  # type: ignore[misc]
        def _clear_losses(self) -> None:  # Keras calls it before it guards against errors
            while True:
                pass

    numbers = np.ones((1, 100), "float32")
    with pytest.raises(grade._OutOfTime), grade._bounded(time.monotonic() + 0.1):
        Endless()(numbers)
    dropout = keras.layers.Dropout(0.5)
    dropout(numbers, training=True)
    np.testing.assert_array_equal(dropout(numbers), numbers)


@pytest.mark.weekly
@pytest.mark.parametrize("name", sorted(set(" ".join(keras_models.LAYERS.values()).split()) - INSIDE))
def test_every_layer_that_is_allowed_computes_the_same_when_it_is_rebuilt(name: str) -> None:
    kind = getattr(keras.layers, name)
    options = OPTIONS.get(name, {})
    for parameter in inspect.signature(kind.__init__).parameters.values():
        if parameter.default is parameter.empty and parameter.name in GIVEN:
            options = {parameter.name: GIVEN[parameter.name]} | options
    axes = re.search(r"([123])D", name)
    shape = SHAPES.get(name, {"1": (8, 3), "3": (4, 4, 4, 3)}.get(axes[1] if axes else "", (8, 8, 3)))
    inputs = keras.Input((2, *shape) if name.startswith("ConvLSTM") else shape)
    layer = kind(**options)
    pair = [inputs, inputs]
    outputs = layer(pair) if name in PAIRS else layer(*pair) if name.endswith("Attention") else layer(inputs)
    model = keras.Model(inputs, outputs)
    description = json.loads(json.dumps(keras_models.describe_model(model), default=np.generic.item))
    found = keras_models.rebuild_model(description, model.get_weights())
    values = np.random.default_rng(0).integers(0, 4, (2, *inputs.shape[1:])).astype("float32")
    assert np.array(found(values)).shape == np.array(model(values)).shape
    if not name.startswith("Rand") and name != "AugMix":
        np.testing.assert_array_equal(np.array(found(values)), np.array(model(values)))


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
