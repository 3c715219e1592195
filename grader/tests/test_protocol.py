import collections
import enum
import math
import socket
import struct
import sys
import threading
import time
import types
from decimal import Decimal
from fractions import Fraction
from typing import Any

import keras
import numpy as np
import pandas
import pytest
import tensorflow

from coursegrader import frames, protocol


def travel(pair: tuple[socket.socket, socket.socket], value: Any) -> Any:
    """Send a value through a pair of sockets."""
    sender = threading.Thread(target=protocol.send, args=(pair[0], value))
    sender.start()
    try:
        return protocol.receive(pair[1], deadline=time.monotonic() + 60)
    finally:
        sender.join()


@pytest.mark.parametrize(
    "value",
    [None, True, 3, 0.5, math.inf, "ä", [], [1, [2]], (1, "a"), {1, 2}, {"a": [1], 2: None}, {"array": 1}, {"list": 3}],
)
def test_plain_values_are_received_unchanged(pair: tuple[socket.socket, socket.socket], value: Any) -> None:
    found = travel(pair, value)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "float16", "float32", ">f8"])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 4), (2, 3, 4)])
def test_arrays_are_received_unchanged(pair: tuple[socket.socket, socket.socket], dtype: str, shape: Any) -> None:
    array = np.random.default_rng(0).integers(0, 2, shape).astype(dtype)
    found = travel(pair, {"a": array, "b": array.T})
    np.testing.assert_array_equal(found["a"], array, strict=dtype != ">f8")
    np.testing.assert_array_equal(found["b"], array.T)


def test_generator_of_an_answer_is_none_that_could_be_computed_back_to_that_of_the_test() -> None:
    """From the state of a spawned child, the seed of its parent can be computed, and so all that the parent draws."""
    sources = [np.random.default_rng(3).bit_generator for _ in range(2)]
    derived = [[protocol._derive_generator(np.random.Generator(source)).state for _ in range(3)] for source in sources]
    assert derived[0] == derived[1], "replayable"
    family = [np.random.PCG64(np.random.SeedSequence(3)), *np.random.PCG64(3).spawn(9)]
    states = [state["state"]["state"] for state in (*derived[0], *(source.state for source in family))]
    assert len(set(states)) == 3 + 10


@pytest.mark.parametrize(
    ("value", "arrives"),
    [
        (np.matrix([[1, 2]]), np.array([[1, 2]])),
        (np.ma.masked_equal([1, 2, 3], 9), np.array([1, 2, 3])),
        (np.ma.masked_equal([1, 2, 3], 2), np.array([1, math.nan, 3])),
        (np.ma.masked_equal(np.array([2], "float32"), 2), np.array([math.nan], "float32")),
        (np.ma.masked_equal([2], 2).mean(), np.array(math.nan)),
        (pandas.array([1, None], dtype="Int64"), np.array([1, math.nan])),
        (tensorflow.constant([0.5], tensorflow.bfloat16), np.array([0.5], "float32")),
    ],
)
def test_array_of_a_library_is_received_as_a_plain_one_with_nan_for_what_is_missing(
    pair: tuple[socket.socket, socket.socket], value: Any, arrives: np.ndarray
) -> None:
    found = travel(pair, value)
    assert type(found) is np.ndarray
    np.testing.assert_array_equal(found, arrives, strict=True)


class FakeTensor:
    """A tensor of PyTorch, which the tests do not install, as far as it is needed."""

    def __init__(self, array: np.ndarray, *, wrapped: int = 3) -> None:
        self.array, self.wrapped, self.dtype = array, wrapped, array.dtype

    def __array__(self, *_: Any, **__: Any) -> np.ndarray:
        assert self.wrapped == 0, "it has a gradient, is elsewhere or sparse"
        return self.array

    def unwrapped(self) -> "FakeTensor":
        return FakeTensor(self.array, wrapped=self.wrapped - 1)

    detach = cpu = to_dense = unwrapped
    shape = property(lambda self: self.array.shape)


def test_tensor_of_pytorch_is_received_as_a_tensor_where_that_is_imported(
    pair: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = types.SimpleNamespace(Tensor=FakeTensor, from_numpy=FakeTensor)
    monkeypatch.setitem(sys.modules, "torch", torch)
    (found,) = travel(pair, [FakeTensor(np.eye(2))])
    assert type(found) is FakeTensor
    np.testing.assert_array_equal(found.array, np.eye(2), strict=True)
    message = protocol._encode(found, [])
    monkeypatch.delitem(sys.modules, "torch")
    assert type(protocol._decode(message, lambda size: bytes(size))) is np.ndarray


def test_numpy_scalars_and_tensors_are_numbers(pair: tuple[socket.socket, socket.socket]) -> None:
    found = travel(pair, [np.float32(0.5), np.int64(3), keras.ops.ones((2, 2)), np.array("text")])
    assert [type(value) for value in found] == [np.float32, np.int64, np.ndarray, str]


class Color(enum.IntEnum):
    RED = 3


class Text(str):
    def __str__(self) -> str:
        return "other"


@pytest.mark.parametrize(
    ("value", "arrives"),
    [
        (range(3), [0, 1, 2]),
        ([Fraction(6, 2), Fraction(1, 4), Decimal("0.5")], [3, 0.25, 0.5]),
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
        (pandas.Series(["a", "b"]).unique(), ["a", "b"]),
        (np.array(["a", "b"], dtype=object), ["a", "b"]),
        (np.bool_(True), True),
    ],
)
def test_array_likes_of_libraries_are_received_as_plain_values(
    pair: tuple[socket.socket, socket.socket], value: Any, arrives: Any
) -> None:
    found = travel(pair, value)
    assert found == arrives
    assert type(found) is type(arrives) or isinstance(found, np.generic)


@pytest.mark.parametrize("value", [print, object(), np.array([None]), np.array([1j]), b"x"])
def test_other_objects_are_refused(pair: tuple[socket.socket, socket.socket], value: Any) -> None:
    with pytest.raises(ValueError, match="expected"):
        protocol.send(pair[0], value)


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
def test_malformed_message_is_refused(pair: tuple[socket.socket, socket.socket], text: Any) -> None:
    pair[0].sendall(struct.pack(">I", len(text)) + text)
    with pytest.raises(ValueError, match=r"message|model|JSON|Expecting|Extra|digits|type|delimiter|string|codec"):
        protocol.receive(pair[1], deadline=time.monotonic() + 10)


def test_message_with_too_large_a_length_is_refused(pair: tuple[socket.socket, socket.socket]) -> None:
    pair[0].sendall(struct.pack(">I", 1 << 31))
    with pytest.raises(ValueError, match="at most"):
        protocol.receive(pair[1])


def test_silence_and_half_a_message_raise_at_the_deadline(pair: tuple[socket.socket, socket.socket]) -> None:
    pair[0].sendall(struct.pack(">I", 100) + b"{")
    with pytest.raises(protocol.ClosedError):
        protocol.receive(pair[1], deadline=time.monotonic() + 0.1)


def test_closed_connection_is_an_error(pair: tuple[socket.socket, socket.socket]) -> None:
    pair[0].close()
    with pytest.raises(protocol.ClosedError):
        protocol.receive(pair[1])
    with pytest.raises(protocol.ClosedError):
        protocol.send(pair[1], 1)


TABLES: dict[str, Any] = {
    "columns of each type": pandas.DataFrame(
        {
            "text": ["a", None],
            "float": [0.5, math.nan],
            "small": np.array([1, 2], "uint8"),
            "truth": [True, False],
            "time": pandas.to_datetime(["2026-11-27", None]),
            "length": pandas.to_timedelta([1, 2], unit="s"),
            "kind": pandas.Categorical(["b", "a"], categories=["b", "a"], ordered=True),
            "maybe": pandas.array([1, None], "Int64"),
            "any": pandas.Series([[1], "x"], dtype=object),
        },
        index=["first", "second"],
    ),
    "no rows": pandas.DataFrame({"a": np.array([], "float32")}),
    "no columns": pandas.DataFrame(index=[3, 4]),
    "equal names": pandas.DataFrame([[1, 2]], columns=["a", "a"]),
    "two levels": pandas.DataFrame({"x": [1, 2, 3], "a": [1, 1, 2], "b": [0, 1, 0]}).set_index(["a", "b"]),
    "a series": pandas.Series([1, 2], index=[5, 5], name="n"),
    "an index": pandas.Index(["a", "b"], name="letters"),
}


@pytest.mark.parametrize("name", TABLES)
def test_table_is_received_unchanged(pair: tuple[socket.socket, socket.socket], name: Any) -> None:
    table = TABLES[name]
    found = travel(pair, [table])[0]
    assert type(found) is type(table) or isinstance(table, pandas.Index)
    compare = {"an index": pandas.testing.assert_index_equal, "a series": pandas.testing.assert_series_equal}
    compare.get(name, pandas.testing.assert_frame_equal)(found, table)


@pytest.mark.parametrize(
    "table",
    [
        pandas.DataFrame({"a": [1j]}),
        pandas.DataFrame({"a": [object()]}),
        pandas.date_range("2026", periods=2, tz="UTC"),
    ],
)
def test_table_of_other_things_is_refused(pair: tuple[socket.socket, socket.socket], table: Any) -> None:
    with pytest.raises(ValueError, match="expected"):
        protocol.send(pair[0], table)


def test_table_is_an_array_where_the_course_does_not_use_pandas(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = frames.describe_table(pandas.DataFrame({"a": [1, 2], "b": [0.5, 1]}))
    series, words = frames.describe_table(pandas.Series([1, 2])), frames.describe_table(TABLES["an index"].to_frame())
    monkeypatch.delitem(sys.modules, "pandas")
    assert frames.rebuild_table(numbers).tolist() == [[1, 0.5], [2, 1]]
    assert frames.rebuild_table(series).tolist() == [1, 2]
    with pytest.raises(ValueError, match="pandas to be imported in a set-up cell"):
        frames.rebuild_table(words)


ONE: dict[str, Any] = {"type": "int64", "values": [1]}
FORGED: dict[str, Any] = {"kind": "series", "name": None, "index": {"names": [None], "levels": [ONE]}}


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "frame"}, {"values": {"type": "category", "values": [7], "of": ONE}},
        {"values": {"type": "period[D]", "values": [1]}}, {"values": {"type": "object", "values": [1, 2]}},
        {"values": {"type": "datetime64[ns]", "values": [1]}}, {"values": 3}, {"index": 3}, {"kind": "file"},
    ],
)  # fmt: skip
def test_forged_table_is_refused(changes: Any) -> None:
    with pytest.raises(ValueError, match="table: "):
        frames.rebuild_table({**FORGED, "values": ONE, **changes})
