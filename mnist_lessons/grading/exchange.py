"""What may travel between the grader and a student's process: plain values, arrays, and models as descriptions.

A message is the length of a JSON text, the JSON text, then the bytes of its arrays. Nothing that is received is
executed, unpickled or imported: arrays are numbers, and a model is rebuilt from layers that are on a list, after its
size has been worked out without allocating it.
In one direction, from the grader, functions and iterators may travel too: as numbers in a list that the grader keeps.
Of these the student can ask to be called, or to give their next value.
"""

import functools
import json
import math
import socket
import struct
import time
from collections import deque
from collections.abc import Callable, ItemsView, Iterator, KeysView, ValuesView
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import keras

MAX_TEXT = 8 << 20
MAX_BYTES = 64 << 20
MAX_LAYERS = 100
MAX_WEIGHTS = 2_000_000
MAX_ACTIVATIONS = 2_000_000
MAX_MULTIPLICATIONS = 50_000_000

_LAYERS = frozenset(
    "Activation Add AveragePooling2D BatchNormalization Concatenate Conv2D Dense DepthwiseConv2D Dropout ELU Flatten "  # noqa: SIM905
    "GaussianNoise GlobalAveragePooling2D GlobalMaxPooling2D InputLayer LayerNormalization LeakyReLU MaxPooling2D "
    "Normalization PReLU ReLU Rescaling Reshape SeparableConv2D Softmax SpatialDropout2D ZeroPadding2D".split()
)
_GENERATORS = frozenset({"MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64"})
_MODELS = frozenset({("keras", "Sequential"), ("keras.src.models.functional", "Functional"), ("keras", "Functional")})
_PARTS = frozenset({"keras.initializers", "keras.regularizers", "keras.constraints", "keras.losses", "keras.metrics"})
_TRAINING = frozenset({"keras.optimizers", "keras.optimizers.schedules"})
# Others can be told to be of any size: AUC by its number of thresholds, IoU by its number of classes.
_METRICS = frozenset(
    "Accuracy BinaryAccuracy BinaryCrossentropy CategoricalAccuracy CategoricalCrossentropy KLDivergence Mean "  # noqa: SIM905
    "MeanAbsoluteError MeanSquaredError Precision Recall RootMeanSquaredError SparseCategoricalAccuracy "
    "SparseCategoricalCrossentropy SparseTopKCategoricalAccuracy TopKCategoricalAccuracy".split()
)


class ClosedError(Exception):
    """The other side has gone, or did not answer in time."""


class _TooLargeError(ValueError):
    """A model beyond what the grader is willing to compute."""


def send(channel: socket.socket, value: Any, *, lent: list[Any] | None = None, deadline: float = math.inf) -> None:
    """Send one value.

    Parameters
    ----------
    channel
        Where to.
    value
        What.
    lent
        Gets the functions and iterators in it, of which only the place in this list is sent; where it is None,
        iterators are sent as lists and functions not at all.
    deadline
        Until when, by `time.monotonic`.

    Raises
    ------
    ValueError
        The value is of a kind that cannot travel, or too large.
    ClosedError
        The other side is gone, or did not take it in time.
    """
    arrays: list[np.ndarray] = []
    text = json.dumps(_encode(value, arrays, lent)).encode()
    size = sum(array.nbytes for array in arrays)
    if len(text) > MAX_TEXT or size > MAX_BYTES:
        raise ValueError(f"value: expected at most {MAX_BYTES >> 20} MB of arrays and {MAX_TEXT >> 20} MB of text")
    message = b"".join([struct.pack(">I", len(text)), text, *(array.tobytes() for array in arrays)])
    try:
        _set_timeout(channel, deadline)
        channel.sendall(message)
    except OSError as error:
        raise ClosedError(str(error)) from error


def receive(
    channel: socket.socket, *, borrow: Callable[[str, int], Any] | None = None, deadline: float = math.inf
) -> Any:
    """Receive one value.

    Parameters
    ----------
    channel
        Where from.
    borrow
        Makes something usable of "function" or "iterator" and a place in the other side's list; None to take no such
        thing, nor a random generator, as the grader does.
    deadline
        Until when, by `time.monotonic`.

    Raises
    ------
    ValueError
        What came is not a message, holds something that must not travel, or is too large.
    ClosedError
        The other side is gone, or nothing complete came in time.
    """
    (length,) = struct.unpack(">I", _read(channel, 4, deadline))
    if length > MAX_TEXT:
        raise ValueError(f"message: expected at most {MAX_TEXT} bytes of text, got {length}")
    text = _read(channel, length, deadline)
    budget = MAX_BYTES

    def read_array(size: int) -> bytes:
        nonlocal budget
        budget -= size
        if budget < 0:
            raise ValueError(f"message: expected at most {MAX_BYTES >> 20} MB of arrays")
        return _read(channel, size, deadline)

    try:
        return _decode(json.loads(text), read_array, borrow)
    except (ClosedError, ValueError):
        raise
    except Exception as error:  # whatever else can be wrong with what somebody made up
        raise ValueError(f"message: not one of ours ({type(error).__name__})") from error


def _set_timeout(channel: socket.socket, deadline: float) -> None:
    remaining = deadline - time.monotonic()
    if remaining <= 0:
        raise ClosedError("out of time")
    channel.settimeout(None if math.isinf(deadline) else remaining)


def _read(channel: socket.socket, size: int, deadline: float) -> bytes:
    buffer = bytearray()
    while len(buffer) < size:
        try:
            _set_timeout(channel, deadline)
            chunk = channel.recv(min(size - len(buffer), 1 << 20))
        except OSError as error:
            raise ClosedError(str(error)) from error
        if not chunk:
            raise ClosedError("the process ended")
        buffer += chunk
    return bytes(buffer)


def _encode(value: Any, arrays: list[np.ndarray], lent: list[Any] | None = None) -> Any:
    """Return `value` as JSON in which every container says what it is; arrays and what is lent go to the lists."""

    def encode(part: Any) -> Any:
        return _encode(part, arrays, lent)

    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, Iterator) and lent is not None:
        lent.append(value)
        return {"borrowed": "iterator", "place": len(lent) - 1}
    if isinstance(value, Iterator | range | deque | KeysView | ValuesView | ItemsView):
        value = list(value)  # what can be gone through in a notebook, can be here
    if isinstance(value, list | tuple | set | frozenset):
        kind = "tuple" if isinstance(value, tuple) else "list" if isinstance(value, list) else "set"
        return {kind: [encode(item) for item in value]}
    if isinstance(value, dict):
        return {"dict": [[encode(key), encode(item)] for key, item in value.items()]}
    if hasattr(value, "get_weights") and hasattr(value, "layers"):
        return {"model": _describe_model(value), "weights": encode(value.get_weights())}
    if isinstance(value, np.generic | np.ndarray) or hasattr(value, "__array__"):
        return _encode_array(value, arrays)
    if isinstance(value, np.random.Generator) and lent is not None:
        # One of its children: who had its own state would know what a test draws next.
        return {"generator": encode(value.spawn(1)[0].bit_generator.state)}
    # Of a subclass, such as an Enum, what it is in plain words; its own methods may say anything.
    if isinstance(value, int):
        return int.__int__(value)
    if isinstance(value, float):
        return float.__float__(value)
    if isinstance(value, str):
        return str.__str__(value)
    if callable(value) and lent is not None:
        lent.append(value)
        return {"borrowed": "function", "place": len(lent) - 1}
    raise ValueError(f"value: expected numbers, text, lists, arrays or a Keras model, got {type(value).__name__}")


def _encode_array(value: Any, arrays: list[np.ndarray]) -> Any:
    array = np.ascontiguousarray(np.asarray(value)).reshape(np.shape(value))
    if array.dtype.kind == "U":
        return _encode(array.tolist(), arrays)
    if array.dtype == np.longdouble:
        array = array.astype(float)
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        raise ValueError(f"value: expected an array of numbers, got one of {array.dtype}")
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    arrays.append(array)
    return {"array": array.dtype.name, "shape": list(array.shape), "scalar": isinstance(value, np.generic)}


def _decode(node: Any, read_array: Callable[[int], bytes], borrow: Callable[[str, int], Any] | None = None) -> Any:
    def decode(part: Any) -> Any:
        return _decode(part, read_array, borrow)

    if not isinstance(node, dict):
        if isinstance(node, list):
            raise ValueError("message: a list that does not say what it is")
        return node
    if "array" in node:
        array = _decode_array(node, read_array)
        return array[()] if node["scalar"] else array
    if "model" in node:
        return rebuild_model(node["model"], decode(node["weights"]))
    if borrow and "borrowed" in node:
        return borrow(node["borrowed"], node["place"])
    if borrow and "generator" in node:
        return _rebuild_generator(decode(node["generator"]))
    (kind, items) = next(iter(node.items()))
    if kind == "dict":
        return {decode(key): decode(item) for key, item in items}
    containers: dict[str, Callable] = {"list": list, "tuple": tuple, "set": set}
    return containers[kind](decode(item) for item in items)


def _rebuild_generator(state: dict[str, Any]) -> np.random.Generator:
    if state["bit_generator"] not in _GENERATORS:
        raise ValueError(f"message: no random generator: {state['bit_generator']}")
    source = getattr(np.random, state["bit_generator"])()
    source.state = state
    return np.random.Generator(source)


def _decode_array(node: dict[str, Any], read_array: Callable[[int], bytes]) -> np.ndarray:
    dtype, shape = np.dtype(str(node["array"])), [int(side) for side in node["shape"]]
    if dtype.kind not in "biuf" or dtype.itemsize > 8 or len(shape) > 8 or min(shape, default=0) < 0:
        raise ValueError(f"message: not an array: {dtype} {shape}")
    return np.frombuffer(bytearray(read_array(dtype.itemsize * math.prod(shape))), dtype).reshape(shape)


def _describe_model(model: Any) -> dict[str, Any]:
    import keras

    description = keras.saving.serialize_keras_object(model)
    try:
        _check_description(description.get("compile_config"), models=False)
    except ValueError:
        description["compile_config"] = None  # a loss of one's own stays at home; the layers may still travel
    return description


def rebuild_model(description: dict[str, Any], weights: list[np.ndarray]) -> "keras.Model":
    """Build a model from its description and weights.

    Raises
    ------
    ValueError
        It has a part that is not on the list, is too large, or its weights do not fit it.
    """
    import keras

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
    except Exception as error:  # whatever Keras makes of a description that somebody tampered with
        raise ValueError("model: cannot be graded; build it from Keras's own layers and functions") from error
    return model


@functools.lru_cache(maxsize=256)
def _measure_once(text: str) -> list[tuple[int, ...]]:
    """Return the shapes of the weights of a model, described as JSON; a class's right answers are much alike."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(_measure_model, json.loads(text)).result()


def _measure_model(description: dict[str, Any]) -> list[tuple[int, ...]]:
    """Return the shapes of a model's weights, without allocating them; refuse what is too large.

    Runs in a thread of its own: leaving the scope would allocate, and Keras keeps the scope by thread.
    """
    import keras

    keras.StatelessScope().__enter__()
    model = keras.saving.deserialize_keras_object(description, safe_mode=True)
    # A layer that is used in several places computes, and keeps, something in each.
    calls = [(layer, node.outputs[0].shape[1:]) for layer in model.layers for node in layer._inbound_nodes]
    if len(calls) > MAX_LAYERS:
        raise _TooLargeError(f"model: expected at most {MAX_LAYERS} uses of layers, got {len(calls):,}")
    weights = sum(math.prod(weight.shape) for weight in model.weights)
    activations = sum(math.prod(shape) for _, shape in calls)
    multiplications = sum(_count_multiplications(layer, shape) for layer, shape in calls)
    for name, value, limit in [
        ("weights", weights, MAX_WEIGHTS),
        ("activations an image", activations, MAX_ACTIVATIONS),
        ("multiplications an image", multiplications, MAX_MULTIPLICATIONS),
    ]:
        if value > limit:
            raise _TooLargeError(f"model: expected at most {limit:,} {name}, got {value:,}")
    return [tuple(weight.shape) for weight in model.weights]


def _count_multiplications(layer: Any, shape: tuple[int, ...]) -> int:
    """Return about how many operations one image takes in a layer with an output of this shape."""
    if getattr(layer, "data_format", "channels_last") != "channels_last":
        raise ValueError("model: expected data_format to be channels_last")
    pooled = math.prod(shape) * math.prod(getattr(layer, "pool_size", ()))
    return max(layer.count_params() * math.prod(shape[:-1]), pooled)


def _check_description(node: Any, *, models: bool) -> None:
    """Raise a ValueError if any class in a description is not on the list."""
    import keras

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
        tensor = name == "__keras_tensor__"  # where a layer is connected to another in a functional model
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
