"""The messages between a worker and a student process: plain values, arrays, tables, and Keras models as descriptions.

A message is the length of a JSON text, the JSON text, then the bytes of its arrays. Nothing that is received is
executed, unpickled or imported: arrays are numbers, and `keras_models` rebuilds models from known layers.
A worker may also lend functions and iterators. It sends their index in a list that it keeps, and the student process
sends back requests to call the function or to advance the iterator. An array that is read-only in the worker is
read-only in the student process, too: code that must not change it fails there, as it would in a notebook.
Where a question allows it, other objects stay in the student process. Their index in a list that it keeps is sent, and
`remote.Remote` stands for them in the worker.
"""

import hashlib
import json
import math
import socket
import struct
import time
from collections import deque
from collections.abc import Callable, ItemsView, Iterable, Iterator, KeysView, ValuesView
from decimal import Decimal
from fractions import Fraction
from typing import Any, Protocol

import numpy as np

from coursegrader import frames
from coursegrader.arrays import is_tensor, to_array, to_tensor
from coursegrader.remote import Remote

MAX_TEXT = 8 << 20
MAX_BYTES = 64 << 20

_EXPECTED = "expected numbers, text, lists, arrays, tables or a Keras model"
_GENERATORS = frozenset({"MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64"})


class ClosedError(Exception):
    """The other process ended, or did not answer in time."""


class Keeper(Protocol):
    """The objects that a student process keeps; see `forkserver`."""

    def __contains__(self, thing: object) -> bool: ...

    def place(self, thing: object) -> int:
        """Return the index of an object, which is kept from now on."""


def send(
    channel: socket.socket,
    value: Any,
    *,
    lent: list[Any] | None = None,
    kept: Keeper | None = None,
    deadline: float = math.inf,
) -> None:
    """Send one value.

    Parameters
    ----------
    channel
        The socket to send on.
    value
        The value to send.
    lent
        Collects the functions and iterators in `value`; their index in this list is sent. If None, iterators are sent
        as lists and functions are refused.
    kept
        Keeps the objects in `value` that cannot be sent. If None, these are refused.
    deadline
        When to give up, by `time.monotonic`.

    Raises
    ------
    ValueError
        The value has a type that cannot be sent, or is too large.
    ClosedError
        The other process ended, or did not read in time.
    """
    arrays: list[np.ndarray] = []
    text = json.dumps(_encode(value, arrays, lent, kept)).encode()
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
    channel: socket.socket,
    *,
    borrow: Callable[[str, int], Any] | None = None,
    take: Callable[[int, str], Any] | None = None,
    deadline: float = math.inf,
    plain: bool = False,
) -> Any:
    """Receive one value.

    Parameters
    ----------
    channel
        The socket to receive from.
    borrow
        Returns a stand-in for "function" or "iterator" and an index in the worker's list, or what the student process
        keeps for "object" and an index. If None, as in the worker, neither these nor random generators are accepted.
    take
        Returns a stand-in for an object that the student process keeps, from its index and the name of its class. If
        None, these are refused.
    deadline
        When to give up, by `time.monotonic`.
    plain
        Refuse Keras models, tables, sets, and dictionaries whose keys are no text: what can take long to build.

    Raises
    ------
    ValueError
        What was received is not a message, contains something that is not accepted, or is too large.
    ClosedError
        The other process ended, or no complete message came in time.
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
        return _decode(json.loads(text), read_array, borrow, take, plain=plain)
    except (ClosedError, ValueError):
        raise
    except Exception as error:  # a forged message can fail in any way
        raise ValueError(f"message: malformed ({type(error).__name__})") from error


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


def _encode(value: Any, arrays: list[np.ndarray], lent: list[Any] | None = None, kept: Keeper | None = None) -> Any:
    """Return `value` as JSON with tagged containers; append arrays and lent objects to the lists."""

    def encode(part: Any) -> Any:
        return _encode(part, arrays, lent, kept)

    if isinstance(value, Remote):
        return {"borrowed": "object", "place": value._place}
    if kept is not None and (value in kept or isinstance(value, type) or _is_own(value)):
        return _keep(value, kept)
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, Iterator) and lent is not None:
        lent.append(value)
        return {"borrowed": "iterator", "place": len(lent) - 1}
    if isinstance(value, Iterator | range | deque | KeysView | ValuesView | ItemsView):
        value = list(value)  # an answer may return any iterable
    if isinstance(value, list | tuple | set | frozenset):
        kind = "tuple" if isinstance(value, tuple) else "list" if isinstance(value, list) else "set"
        return {kind: [encode(item) for item in value]}
    if isinstance(value, dict):
        return {"dict": [[encode(key), encode(item)] for key, item in value.items()]}
    if is_model(value) and hasattr(value, "layers"):
        from coursegrader.keras_models import describe_model

        return {"model": describe_model(value), "weights": encode(value.get_weights())}
    if frames.is_table(value):
        return {"table": encode(frames.describe_table(value))}
    if isinstance(value, np.generic | np.ndarray) or hasattr(value, "__array__"):
        return _encode_array(value, arrays)
    if isinstance(value, np.random.Generator) and lent is not None:
        return {"generator": encode(_derive_generator(value).state)}
    if isinstance(value, int | float | str | Fraction | Decimal):
        return _to_plain(value)
    if callable(value) and lent is not None:
        lent.append(value)
        return {"borrowed": "function", "place": len(lent) - 1}
    if kept is not None and not isinstance(value, bytes | bytearray | complex):
        return _keep(value, kept)
    raise ValueError(f"value: {_EXPECTED}, got {type(value).__name__}")


def _to_plain(value: int | float | str | Fraction | Decimal) -> int | float | str:
    """Return the plain value of a subclass, such as an Enum, whose own methods may be overridden."""
    if isinstance(value, int):
        return int.__int__(value)
    if isinstance(value, float):
        return float.__float__(value)
    if isinstance(value, str):
        return str.__str__(value)
    number = float(value)
    return int(value) if number.is_integer() else number


def _keep(value: Any, kept: Keeper) -> dict[str, Any]:
    return {"kept": kept.place(value), "name": (value if isinstance(value, type) else type(value)).__name__}


def _is_own(value: Any) -> bool:
    """Tell whether a value's class is the answer's own, and not just another name for a plain value."""
    return type(value).__module__ == "__main__" and not isinstance(value, int | float | str)


def is_model(value: Any) -> bool:
    """Tell whether a value is a Keras model or layer, without importing Keras."""
    return hasattr(value, "get_weights") and not isinstance(value, type)


def _derive_generator(generator: np.random.Generator) -> np.random.BitGenerator:
    """Return a source of other draws in each call, from which nobody can compute what the generator itself draws.

    A spawned child would not do: the seeds of `numpy.random.SeedSequence` can be computed from its state.
    """
    (child,) = generator.bit_generator.spawn(1)
    draws = child.random_raw(8).astype("uint64").tobytes()
    return type(child)(int.from_bytes(hashlib.sha256(draws).digest()))


def _encode_array(value: Any, arrays: list[np.ndarray]) -> Any:
    array = to_array(value)
    if array.dtype.kind == "U":
        return _encode(array.tolist(), arrays)
    arrays.append(array)
    read_only = isinstance(value, np.ndarray) and not value.flags["W"]
    shape, scalar = list(array.shape), isinstance(value, np.generic)
    node = {"array": array.dtype.name, "shape": shape, "scalar": scalar, "read_only": read_only}
    return {**node, "tensor": True} if is_tensor(value) else node


def _decode(
    node: Any,
    read_array: Callable[[int], bytes],
    borrow: Callable[[str, int], Any] | None = None,
    take: Callable[[int, str], Any] | None = None,
    *,
    plain: bool = False,
) -> Any:
    def decode(part: Any) -> Any:
        return _decode(part, read_array, borrow, take, plain=plain)

    if not isinstance(node, dict):
        if isinstance(node, list):
            raise ValueError("message: a list without a tag")
        return node
    if "array" in node:
        array = _decode_array(node, read_array)
        array.setflags(write=not (borrow and node.get("read_only")))
        return array[()] if node["scalar"] else to_tensor(array) if node.get("tensor") and not plain else array
    if plain and {"model", "table", "set"} & node.keys():
        raise ValueError("message: expected no model, table or set")
    if "model" in node:
        return _rebuild_model(node["model"], decode(node["weights"]))
    if "table" in node:
        return frames.rebuild_table(decode(node["table"]))
    if "kept" in node:
        if take is None or type(node["kept"]) is not int:
            raise ValueError(f"value: {_EXPECTED}, got {str(node['name'])[:100]}")
        return take(node["kept"], str(node["name"])[:100])
    if borrow and "borrowed" in node:
        return borrow(node["borrowed"], node["place"])
    if borrow and "generator" in node:
        return _rebuild_generator(decode(node["generator"]))
    (kind, items) = next(iter(node.items()))
    if kind == "dict":
        pairs = [(decode(key), decode(item)) for key, item in items]
        # A dictionary of numbers that all have one hash takes hours.
        if plain and not all(type(key) is str for key, _ in pairs):
            raise ValueError("message: expected text as keys")
        return dict(pairs)
    containers: dict[str, Callable[[Iterable[Any]], Any]] = {"list": list, "tuple": tuple, "set": set}
    return containers[kind](decode(item) for item in items)


def _rebuild_model(description: Any, weights: Any) -> Any:
    try:
        from coursegrader.keras_models import rebuild_model
    except ModuleNotFoundError as error:
        raise ValueError("model: cannot be graded where Keras is not installed") from error
    return rebuild_model(description, weights)


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
