"""What may travel between the grader and a student's process: plain values, arrays, and models as descriptions.

A message is the length of a JSON text, the JSON text, then the bytes of its arrays. Nothing that is received is
executed, unpickled or imported: arrays are numbers, and a model is rebuilt from layers that are on a list, after its
size has been worked out without allocating it.
"""

import copy
import json
import math
import socket
import struct
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import keras

MAX_TEXT = 1 << 20
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
_MODELS = frozenset({("keras", "Sequential"), ("keras.src.models.functional", "Functional"), ("keras", "Functional")})
_PARTS = frozenset({"keras.initializers", "keras.regularizers", "keras.constraints", "keras.losses", "keras.metrics"})
_TRAINING = frozenset({"keras.optimizers", "keras.optimizers.schedules"})


class ClosedError(Exception):
    """The other side has gone, or did not answer in time."""


class _TooLargeError(ValueError):
    """A model beyond what the grader is willing to compute."""


def send(channel: socket.socket, value: Any, *, deadline: float = math.inf) -> None:
    """Send one value.

    Raises
    ------
    ValueError
        The value is of a kind that cannot travel, or too large.
    ClosedError
        The other side is gone, or did not take it by `deadline` (of `time.monotonic`).
    """
    arrays: list[np.ndarray] = []
    text = json.dumps(_encode(value, arrays)).encode()
    size = sum(array.nbytes for array in arrays)
    if len(text) > MAX_TEXT or size > MAX_BYTES:
        raise ValueError(f"value: expected at most {MAX_BYTES >> 20} MB of arrays and {MAX_TEXT >> 20} MB of text")
    message = b"".join([struct.pack(">I", len(text)), text, *(array.tobytes() for array in arrays)])
    try:
        _set_timeout(channel, deadline)
        channel.sendall(message)
    except OSError as error:
        raise ClosedError(str(error)) from error


def receive(channel: socket.socket, *, deadline: float = math.inf) -> Any:
    """Receive one value.

    Raises
    ------
    ValueError
        What came is not a message, holds something that must not travel, or is too large.
    ClosedError
        The other side is gone, or nothing complete came by `deadline` (of `time.monotonic`).
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
        return _decode(json.loads(text), read_array)
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


def _encode(value: Any, arrays: list[np.ndarray]) -> Any:
    """Return `value` as JSON, in which every container says what it is; arrays go to the list."""
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, list | tuple | set | frozenset):
        kind = "tuple" if isinstance(value, tuple) else "list" if isinstance(value, list) else "set"
        return {kind: [_encode(item, arrays) for item in value]}
    if isinstance(value, dict):
        return {"dict": [[_encode(key, arrays), _encode(item, arrays)] for key, item in value.items()]}
    if hasattr(value, "get_weights") and hasattr(value, "layers"):
        return {"model": _describe_model(value), "weights": _encode(value.get_weights(), arrays)}
    if isinstance(value, np.generic | np.ndarray) or hasattr(value, "__array__"):
        array = np.ascontiguousarray(np.asarray(value)).reshape(np.shape(value))
        if array.dtype.kind == "U":
            return _encode(array.tolist(), arrays)
        if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
            raise ValueError(f"value: expected an array of numbers, got one of {array.dtype}")
        array = array.astype(array.dtype.newbyteorder("="), copy=False)
        arrays.append(array)
        return {"array": array.dtype.name, "shape": list(array.shape), "scalar": isinstance(value, np.generic)}
    if isinstance(value, int | float | str):  # a subclass
        return type(value).__mro__[-2](value)
    raise ValueError(f"value: expected numbers, text, lists, arrays or a Keras model, got {type(value).__name__}")


def _decode(node: Any, read_array: Callable[[int], bytes]) -> Any:
    if not isinstance(node, dict):
        if isinstance(node, list):
            raise ValueError("message: a list that does not say what it is")
        return node
    if "array" in node:
        array = _decode_array(node, read_array)
        return array[()] if node["scalar"] else array
    if "model" in node:
        return rebuild_model(node["model"], _decode(node["weights"], read_array))
    (kind, items) = next(iter(node.items()))
    if kind == "dict":
        return {_decode(key, read_array): _decode(item, read_array) for key, item in items}
    containers: dict[str, Callable] = {"list": list, "tuple": tuple, "set": set}
    return containers[kind](_decode(item, read_array) for item in items)


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
        with ThreadPoolExecutor(1) as thread:
            shapes = thread.submit(_measure_model, description).result()
        if shapes != [array.shape for array in weights]:
            raise ValueError("weights and layers do not fit")
        model = keras.saving.deserialize_keras_object(description, safe_mode=True)
        model.set_weights(weights)
    except _TooLargeError:
        raise
    except Exception as error:  # whatever Keras makes of a description that somebody tampered with
        raise ValueError("model: cannot be graded; build it from Keras's own layers and functions") from error
    return model


def _measure_model(description: dict[str, Any]) -> list[tuple[int, ...]]:
    """Return the shapes of a model's weights, without allocating them; refuse what is too large.

    Runs in a thread of its own: leaving the scope would allocate, and Keras keeps the scope by thread.
    """
    import keras

    keras.StatelessScope().__enter__()
    model = keras.saving.deserialize_keras_object(
        copy.deepcopy({**description, "compile_config": None}), safe_mode=True
    )
    weights = sum(math.prod(weight.shape) for weight in model.weights)
    outputs = [(layer, layer.output.shape[1:]) for layer in model.layers]
    activations = sum(math.prod(shape) for _, shape in outputs)
    multiplications = sum(layer.count_params() * math.prod(shape[:-1]) for layer, shape in outputs)
    for name, value, limit in [
        ("weights", weights, MAX_WEIGHTS),
        ("activations an image", activations, MAX_ACTIVATIONS),
        ("multiplications an image", multiplications, MAX_MULTIPLICATIONS),
    ]:
        if value > limit:
            raise _TooLargeError(f"model: expected at most {limit:,} {name}, got {value:,}")
    return [tuple(weight.shape) for weight in model.weights]


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
