"""Let what a course's code draws at random follow from a seed."""

import contextlib
import hmac
import itertools
import random
from collections.abc import Iterator
from typing import Any

import numpy as np


@contextlib.contextmanager
def drawing_from(seed: str, name: str) -> Iterator[None]:
    """Let random numbers follow from a seed and a name: those of `random`, of NumPy, and of what Keras initializes.

    Generators that are given no seed get one each, from which no other can be computed.
    """
    default_rng, numbers = np.random.default_rng, itertools.count()

    def derive() -> bytes:
        return hmac.digest(seed.encode(), f"{name} {next(numbers)}".encode(), "sha256")

    def derived_rng(seed: Any = None) -> np.random.Generator:
        return default_rng(int.from_bytes(derive()) if seed is None else seed)

    random.seed(derive())
    np.random.seed(np.frombuffer(derive(), "uint32"))  # noqa: NPY002
    np.random.default_rng = derived_rng
    try:
        yield
    finally:
        np.random.default_rng = default_rng
        random.seed()
        np.random.seed()  # noqa: NPY002
