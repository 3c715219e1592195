"""Describe Keras models as JSON and rebuild them safely. Imported only when a model is sent or received.

A model is rebuilt from an allow-list of layers, after its size has been computed without allocating it.
"""

import functools
import json
import math
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import keras
import numpy as np

MAX_LAYERS = 100
MAX_WEIGHTS = 2_000_000
MAX_ACTIVATIONS = 2_000_000
MAX_MULTIPLICATIONS = 50_000_000

_LAYERS = frozenset(
    "Activation Add AveragePooling2D BatchNormalization Concatenate Conv2D Dense DepthwiseConv2D Dropout ELU Flatten "  # noqa: SIM905
    "GaussianNoise GlobalAveragePooling2D GlobalMaxPooling2D InputLayer LayerNormalization LeakyReLU MaxPooling2D "
    "Normalization PReLU ReLU Rescaling Reshape SeparableConv2D Softmax SpatialDropout2D ZeroPadding2D".split()
)
_MODELS = frozenset({("keras", "Sequential"), ("keras.src.models.functional", "Functional"), ("keras", "Functional")})
_PARTS = frozenset({"keras.initializers", "keras.regularizers", "keras.constraints", "keras.losses", "keras.metrics"})
_TRAINING = frozenset({"keras.optimizers", "keras.optimizers.schedules"})
# Other metrics can be made arbitrarily large: AUC by its number of thresholds, IoU by its number of classes.
_METRICS = frozenset(
    "Accuracy BinaryAccuracy BinaryCrossentropy CategoricalAccuracy CategoricalCrossentropy KLDivergence Mean "  # noqa: SIM905
    "MeanAbsoluteError MeanSquaredError Precision Recall RootMeanSquaredError SparseCategoricalAccuracy "
    "SparseCategoricalCrossentropy SparseTopKCategoricalAccuracy TopKCategoricalAccuracy".split()
)


class _TooLargeError(ValueError):
    """A model that is too expensive for the grader."""


def describe_model(model: Any) -> dict[str, Any]:
    """Return the JSON description of a model, without its weights."""
    description: dict[str, Any] = keras.saving.serialize_keras_object(model)
    try:
        _check_description(description.get("compile_config"), models=False)
    except ValueError:
        description["compile_config"] = None  # a custom loss cannot be rebuilt; the layers still can
    return description


def rebuild_model(description: dict[str, Any], weights: list[np.ndarray]) -> keras.Model:
    """Build a model from its description and weights.

    Raises
    ------
    ValueError
        A part is not on the allow-list, the model is too large, or its weights do not fit.
    """
    _check_description(description, models=True)
    try:
        if len(description["config"]["layers"]) > MAX_LAYERS:
            raise _TooLargeError(f"model: expected at most {MAX_LAYERS} layers")
        layers = json.dumps({**description, "compile_config": None}, default=np.generic.item)
        shapes = _measure_once(layers)
        if shapes != [array.shape for array in weights]:
            raise ValueError("weights and layers do not fit")
        description = {**json.loads(layers), "compile_config": description.get("compile_config")}  # what was measured
        model = keras.saving.deserialize_keras_object(description, safe_mode=True)
        model.set_weights(weights)
    except _TooLargeError:
        raise
    except Exception as error:  # Keras fails in many ways on a forged description
        raise ValueError("model: cannot be graded; build it from Keras's own layers and functions") from error
    return model


@functools.lru_cache(maxsize=256)
def _measure_once(text: str) -> list[tuple[int, ...]]:
    """Return the shapes of the weights of a model, described as JSON. Cached, as many students send the same model."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(_measure_model, json.loads(text)).result()


def _measure_model(description: dict[str, Any]) -> list[tuple[int, ...]]:
    """Return the shapes of a model's weights without allocating them; raise if the model is too large.

    Runs in its own thread: leaving the scope would allocate, and Keras keeps one scope per thread.
    """
    keras.StatelessScope().__enter__()
    model = keras.saving.deserialize_keras_object(description, safe_mode=True)
    # A layer that is used several times computes and stores activations each time.
    calls = [(layer, node.outputs[0].shape[1:]) for layer in model.layers for node in layer._inbound_nodes]
    if len(calls) > MAX_LAYERS:
        raise _TooLargeError(f"model: expected at most {MAX_LAYERS} uses of layers, got {len(calls):,}")
    weights = sum(math.prod(weight.shape) for weight in model.weights)
    activations = sum(math.prod(shape) for _, shape in calls)
    multiplications = sum(_count_multiplications(layer, shape) for layer, shape in calls)
    for name, value, limit in [
        ("weights", weights, MAX_WEIGHTS),
        ("activations per example", activations, MAX_ACTIVATIONS),
        ("multiplications per example", multiplications, MAX_MULTIPLICATIONS),
    ]:
        if value > limit:
            raise _TooLargeError(f"model: expected at most {limit:,} {name}, got {value:,}")
    return [tuple(weight.shape) for weight in model.weights]


def _count_multiplications(layer: Any, shape: tuple[int, ...]) -> int:
    """Return the approximate number of operations for one example in a layer with this output shape."""
    if getattr(layer, "data_format", "channels_last") != "channels_last":
        raise ValueError("model: expected data_format to be channels_last")
    pooled = math.prod(shape) * math.prod(getattr(layer, "pool_size", ()))
    return max(int(layer.count_params()) * math.prod(shape[:-1]), pooled)


def _check_description(node: Any, *, models: bool) -> None:
    """Raise a ValueError if any class in a description is not on the allow-list."""
    if isinstance(node, list | tuple):
        for item in node:
            _check_description(item, models=False)
        return
    if not isinstance(node, dict):
        if models:
            raise ValueError("model: expected the description of a model")
        return
    if "class_name" in node:
        module, name = node.get("module"), node["class_name"]
        layer = module == "keras.layers" and name in _LAYERS
        model = models and (module, name) in _MODELS
        policy = (module, name) == ("keras", "DTypePolicy")
        part = module in _PARTS | _TRAINING and isinstance(getattr(_resolve(keras, module), str(name), None), type)
        part = part and (module != "keras.metrics" or name in _METRICS)
        own_name = node.get("registered_name") in (None, name)
        tensor = name == "__keras_tensor__"  # a connection between layers in a functional model
        if not (tensor or model or (own_name and (layer or policy or part))):
            raise ValueError(f"model: {module}.{name} cannot be graded; use Keras's own layers")
    elif models:
        raise ValueError("model: expected the description of a model")
    for item in node.values():
        _check_description(item, models=False)


def _resolve(package: Any, module: str) -> Any:
    for part in module.split(".")[1:]:
        package = getattr(package, part)
    return package
