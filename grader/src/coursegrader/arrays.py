"""Plain arrays of numbers from the arrays of any library, and tensors of PyTorch, without importing PyTorch."""

import sys
from typing import Any

import numpy as np

_NUMBERS = "biuf"


def is_tensor(value: Any) -> bool:
    """Tell whether a value is a tensor of PyTorch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def to_array(value: Any) -> np.ndarray:
    """Return an array, a scalar or a tensor of any library as a plain array of numbers, or of text.

    What is missing in a masked array becomes NaN, as in a column of pandas. A tensor loses its gradient.

    Raises
    ------
    ValueError
        Its elements are neither numbers nor text.
    """
    if is_tensor(value):
        value = value.detach().cpu().to_dense()
        value = value.float() if f"{value.dtype}" == "torch.bfloat16" else value
    if isinstance(value, np.ma.MaskedArray):
        value = _fill(value)
    array = np.ascontiguousarray(np.asarray(value)).reshape(np.shape(value))
    if array.dtype.kind == "O" and all(isinstance(item, str) for item in array.flat):
        array = array.astype(str)
    if array.dtype == np.longdouble:
        array = array.astype(float)
    if array.dtype.name == "bfloat16":
        array = array.astype(np.float32)
    if array.dtype.kind != "U" and (array.dtype.kind not in _NUMBERS or array.dtype.itemsize > 8):
        raise ValueError(f"value: expected an array of numbers, got one of {array.dtype}")
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _fill(masked: Any) -> Any:
    """Return a masked array as a plain one, with NaN for what is missing."""
    if not np.ma.is_masked(masked) or masked.dtype.kind not in _NUMBERS:
        return np.ma.getdata(masked)
    return (masked if masked.dtype.kind == "f" else masked.astype(float)).filled(np.nan)


def to_tensor(array: np.ndarray) -> Any:
    """Return an array as a tensor of PyTorch where that is imported, otherwise unchanged."""
    torch = sys.modules.get("torch")
    return array if torch is None else torch.from_numpy(array)
