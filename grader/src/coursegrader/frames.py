"""Describe tables of pandas as plain values and arrays, and rebuild them.

A table is sent as its columns, with the types of their values. Other objects in it, such as lists, have to be plain
values too. Nothing of pandas is imported before a table is sent or received.
"""

import re
import sys
from typing import Any

import numpy as np

_NUMBERS = "biuf"
_TIMES = "mM"
# The types of columns that can be sent: those whose values are numbers, truth values, text, times or plain objects.
_TYPES = re.compile(
    r"bool|boolean|u?int(8|16|32|64)|float(16|32|64)|U?Int(8|16|32|64)|Float(32|64)|object|str|string|"
    r"(datetime64|timedelta64)\[(s|ms|us|ns)\]"
)


def is_table(value: Any) -> bool:
    """Tell whether a value is a DataFrame, Series or Index, without importing pandas."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(value, (pandas.DataFrame, pandas.Series, pandas.Index))


def describe_table(table: Any) -> dict[str, Any]:
    """Return a DataFrame, Series or Index as plain values and arrays.

    Raises
    ------
    ValueError
        A column has a type that cannot be sent.
    """
    import pandas

    if isinstance(table, pandas.Index):
        return {"kind": "index", **_describe_index(table)}
    if isinstance(table, pandas.Series):
        about = {"name": table.name, "index": _describe_index(table.index)}
        return {"kind": "series", **about, "values": _describe_values(table)}
    columns = [_describe_values(table.iloc[:, place]) for place in range(table.shape[1])]
    labels = {"columns": _describe_index(table.columns), "index": _describe_index(table.index)}
    return {"kind": "frame", **labels, "values": columns}


def _describe_index(index: Any) -> dict[str, Any]:
    levels = [index.get_level_values(number).to_series() for number in range(index.nlevels)]
    return {"names": list(index.names), "levels": [_describe_values(level) for level in levels]}


def _describe_values(column: Any) -> dict[str, Any]:
    """Return the values of a column: an array where they are numbers, else a list with None for what is missing."""
    kind = str(column.dtype)
    if kind == "category":
        categories = _describe_values(column.cat.categories.to_series())
        return {"type": kind, "values": column.cat.codes.to_numpy(), "of": categories, "ordered": column.cat.ordered}
    if not _TYPES.fullmatch(kind):
        raise ValueError(f"value: expected a table of numbers, text or times, got a column of {kind}")
    values = column.to_numpy()
    if values.dtype.kind in _NUMBERS:
        return {"type": kind, "values": values}
    if values.dtype.kind in _TIMES:
        return {"type": kind, "values": values.view("int64")}
    missing = column.isna() if kind != "object" else [type(value).__name__ in ("NAType", "NaTType") for value in values]
    return {"type": kind, "values": [None if gone else value for gone, value in zip(missing, values, strict=True)]}


def rebuild_table(table: dict[str, Any]) -> Any:
    """Return the DataFrame, Series or Index of a description.

    Where no set-up cell has imported pandas, it is not imported for an answer's sake: an array takes the table's place.

    Raises
    ------
    ValueError
        The description fits no table.
    """
    try:
        pandas = sys.modules.get("pandas")
        if pandas is None:
            return _rebuild_array(table)
        if table["kind"] == "index":
            return _rebuild_index(table)
        index = _rebuild_index(table["index"])
        if table["kind"] == "series":
            series = _rebuild_values(table["values"], index)
            series.name = table["name"]
            return series
        columns = {place: _rebuild_values(column, index) for place, column in enumerate(table["values"])}
        frame = pandas.DataFrame(columns, index=index)
        frame.columns = _rebuild_index(table["columns"])
    except Exception as error:  # pandas fails in many ways on a forged description
        raise ValueError(f"table: pandas cannot build it again: {error}"[:300]) from error
    return frame


def _rebuild_array(table: dict[str, Any]) -> np.ndarray:
    columns = table["values"] if table["kind"] == "frame" else table.get("levels") or [table["values"]]
    array = np.array([column["values"] for column in columns]).T
    if array.dtype.kind not in _NUMBERS or any("[" in column["type"] or "of" in column for column in columns):
        raise ValueError("expected numbers, or pandas to be imported in a set-up cell")
    return array if table["kind"] == "frame" else array[:, 0]


def _rebuild_index(about: dict[str, Any]) -> Any:
    import pandas

    levels = [pandas.Index(_rebuild_values(level)) for level in about["levels"]]
    if len(levels) == 1:
        return levels[0].rename(about["names"][0])
    return pandas.MultiIndex.from_arrays(levels, names=about["names"])


def _rebuild_values(column: dict[str, Any], index: Any = None) -> Any:
    import pandas

    kind = column["type"]
    if kind == "category":
        categories = pandas.Index(_rebuild_values(column["of"]))
        values = pandas.Categorical.from_codes(column["values"], categories, ordered=column["ordered"] is True)
        return pandas.Series(values, index=index)
    if not isinstance(kind, str) or not _TYPES.fullmatch(kind):
        raise ValueError(f"expected a type of columns, got {kind!r}")
    values = column["values"]
    return pandas.Series(values.view(kind) if kind[-1] == "]" else values, index=index, dtype=kind)
