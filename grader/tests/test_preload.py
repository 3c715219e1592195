import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from coursegrader import preload


def test_with_own_each_call_of_a_preloaded_function_returns_a_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = "def load(): return np.zeros((2, 3)), [1], np.arange(5)"
    code = f"import numpy as np\n{load}\ndef lend(): return [abs, lambda: 1]"
    (tmp_path / "a_preloaded.py").write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    items = ["a_preloaded:load", "a_preloaded:lend"]
    preload.load(items)
    a_preloaded: Any = importlib.import_module("a_preloaded")

    assert a_preloaded.load() is a_preloaded.load()
    preload.load(items, own=True)
    pixels, numbers, places = a_preloaded.load()
    pixels[:] = 5
    numbers.append(2)
    again = a_preloaded.load()
    assert not again[0].any()
    assert again[0].flags.aligned
    assert again[1] == [1]
    np.testing.assert_array_equal(again[2], places)
    assert a_preloaded.lend()[1] is not a_preloaded.lend()[1], "what cannot be copied is made again"
