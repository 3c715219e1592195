"""What becomes of notebooks, and what is still found in them."""

import copy
import json
import time
from typing import Any

import pytest

from coursegrader.answers import Answer, UnreadableError, read_answers
from coursegrader.assignment import make_notebook
from coursegrader.exercises import Exercise


@pytest.fixture
def chosen(exercises: dict[str, Exercise]) -> list[Exercise]:
    return [exercises[name] for name in ("model-softmax", "model-merge", "data-rescale")]


@pytest.fixture
def notebook(chosen: list[Exercise]) -> dict[str, Any]:
    stored: dict[str, Any] = json.loads(json.dumps(make_notebook("week-1", chosen, with_answers=True)))
    return stored


def cell(notebook: dict[str, Any], name: str) -> Any:
    return next(c for c in notebook["cells"] if c["metadata"].get("nbgrader", {}).get("grade_id") == name)


def own(found: dict[str, Answer]) -> dict[str, tuple[str, ...]]:
    """Return the cells of each answer itself."""
    return {name: tuple(c.code for c in answer.cells if c.kind == "answer") for name, answer in found.items()}


def read(notebook: dict[str, Any], chosen: list[Exercise]) -> dict[str, tuple[str, ...]]:
    return own(read_answers(json.dumps(notebook).encode(), chosen))


def new_cell(source: Any) -> dict[str, Any]:
    return {"cell_type": "code", "metadata": {}, "source": source, "outputs": [], "execution_count": None}


def test_answers_are_found_by_id(notebook: dict[str, Any], chosen: list[Exercise]) -> None:
    found = read(notebook, chosen)
    assert set(found) == {"model-softmax", "model-merge", "data-rescale"}
    assert "exponentials" in found["model-softmax"][0]


def test_answers_are_found_in_any_order_of_cells(notebook: dict[str, Any], chosen: list[Exercise]) -> None:
    expected = read(notebook, chosen)
    notebook["cells"].reverse()
    assert read(notebook, chosen) == expected


def test_locked_cells_are_no_answers_and_are_not_replaced(notebook: dict[str, Any], chosen: list[Exercise]) -> None:
    expected = read(notebook, chosen)
    for name in ("setup-1", "model-softmax-1", "model-softmax-2"):
        cell(notebook, name)["source"] = "def softmax(s): return 'forged'"
    assert read(notebook, chosen) == expected
    found = read_answers(json.dumps(notebook).encode(), chosen)["model-softmax"].cells
    assert [c.code for c in found if c.kind == "setup"] == list(chosen[0].setup)


def test_deleted_answer_is_missing_and_others_are_found(notebook: dict[str, Any], chosen: list[Exercise]) -> None:
    notebook["cells"].remove(cell(notebook, "model-merge"))
    assert set(read(notebook, chosen)) == {"model-softmax", "data-rescale"}


def test_answer_with_a_changed_id_is_found_by_the_names_it_defines(
    notebook: dict[str, Any], chosen: list[Exercise]
) -> None:
    expected = read(notebook, chosen)
    cell(notebook, "model-softmax")["metadata"]["nbgrader"]["grade_id"] = "something-else"
    cell(notebook, "model-merge")["metadata"] = {}
    assert read(notebook, chosen) == expected


def test_untouched_copy_of_the_stub_is_ignored(notebook: dict[str, Any], chosen: list[Exercise]) -> None:
    stub = copy.deepcopy(cell(notebook, "model-softmax"))
    stub["source"] = chosen[0].stub
    expected = read(notebook, chosen)
    notebook["cells"].append(stub)
    assert read(notebook, chosen) == expected


def test_answer_in_a_new_cell_beside_the_stub_is_found(notebook: dict[str, Any], chosen: list[Exercise]) -> None:
    target = cell(notebook, "model-softmax")
    answer, target["source"] = target["source"], chosen[0].stub
    notebook["cells"].append(new_cell(answer))
    assert read(notebook, chosen)["model-softmax"] == (answer,)
    target["source"] = ""
    assert read(notebook, chosen)["model-softmax"] == (answer,)
    target["source"] = "import math"
    assert read(notebook, chosen)["model-softmax"] == ("import math", answer)


def test_second_definition_in_a_new_cell_is_ignored(notebook: dict[str, Any], chosen: list[Exercise]) -> None:
    expected = read(notebook, chosen)
    notebook["cells"].append(new_cell("def softmax(scores):\n    return 'an idea'"))
    assert read(notebook, chosen) == expected


def test_answer_in_two_cells_is_taken_in_order(notebook: dict[str, Any], chosen: list[Exercise]) -> None:
    second = copy.deepcopy(cell(notebook, "model-softmax"))
    second["source"] = "def softmax(scores):\n    return 2"
    notebook["cells"].append(second)
    assert len(read(notebook, chosen)["model-softmax"]) == 2


def test_cells_are_run_in_order_up_to_the_tests_of_the_question(
    notebook: dict[str, Any], chosen: list[Exercise]
) -> None:
    for place, name in ((2, "model-softmax"), (1, "model-softmax-1"), (0, "setup-1")):
        position = notebook["cells"].index(cell(notebook, name))
        notebook["cells"].insert(position, new_cell(f"cell = {place}"))
    notebook["cells"].append(new_cell("below = 1"))
    found = read_answers(json.dumps(notebook).encode(), chosen)["model-softmax"].cells
    assert [c.kind for c in found] == ["other", *["setup"] * len(chosen[0].setup), "other", "answer", "other"]
    assert [c.code for c in found if c.kind == "other"] == ["cell = 0", "cell = 2", "cell = 1"]


@pytest.mark.parametrize(
    "definition",
    [
        "%matplotlib inline\ndef softmax(s):\n    return s",
        "x = !ls\nsoftmax = np.exp",
        "  %time x = 1\n  async def softmax(s): pass",
        "%%time\nclass softmax:\n    pass",
        "if True:\n    def softmax(s):\n        return s",
        "(softmax := np.exp)",
        "from numpy import exp as softmax",
        "await x\nsoftmax\t= np.exp",
    ],
)
def test_answer_without_an_id_is_found_however_it_is_defined(
    notebook: dict[str, Any], chosen: list[Exercise], definition: str
) -> None:
    target = cell(notebook, "model-softmax")
    target["metadata"], target["source"] = {}, definition
    notebook["cells"].append(new_cell("%matplotlib inline\nsoftmax(1) == 3\nsoftmax"))
    assert read(notebook, chosen)["model-softmax"] == (definition,)


def test_windows_line_endings_and_encodings_are_read(notebook: dict[str, Any], chosen: list[Exercise]) -> None:
    expected = read(notebook, chosen)
    text = json.dumps(notebook, ensure_ascii=False, indent=1)
    for encoding in ("utf-8-sig", "utf-16", "utf-16-le", "utf-32"):
        assert own(read_answers(text.replace("\n", "\r\n").encode(encoding), chosen)) == expected
    for ending in ("\r\n", "\r"):
        changed = copy.deepcopy(notebook)
        for c in changed["cells"]:
            c["source"] = c["source"].replace("\n", ending)
        assert read(changed, chosen) == expected


def test_stub_with_windows_line_endings_is_recognized(notebook: dict[str, Any], chosen: list[Exercise]) -> None:
    stub = copy.deepcopy(cell(notebook, "model-softmax"))
    stub["source"] = chosen[0].stub.replace("\n", "\r\n")
    expected = read(notebook, chosen)
    notebook["cells"].append(stub)
    assert read(notebook, chosen) == expected


def test_notebook_with_too_much_code_is_refused_quickly(notebook: dict[str, Any], chosen: list[Exercise]) -> None:
    chain = [new_cell(f"def h{n}(): return h{n + 1}()") for n in range(900)]
    start = time.monotonic()
    assert len(read(notebook | {"cells": chain + notebook["cells"]}, chosen)) == len(chosen)
    for cells in (chain * 2, [new_cell("x = 1 #" + "y" * 90_000)] * 12):
        with pytest.raises(UnreadableError, match="too long"):
            read({**notebook, "cells": notebook["cells"] + cells}, chosen)
    assert time.monotonic() - start < 10


def test_sources_as_lists_and_old_formats_are_read(notebook: dict[str, Any], chosen: list[Exercise]) -> None:
    expected = read(notebook, chosen)
    for c in notebook["cells"]:
        c["source"] = c["source"].splitlines(keepends=True)
    assert read(notebook, chosen) == expected
    cells = [{**c, "input": c["source"]} for c in notebook["cells"]]
    for c in cells:
        del c["source"]
    old = {"nbformat": 3, "worksheets": [{"cells": cells}]}
    assert read(old, chosen) == expected


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b'{"cells": [{"cell_type": "code", "sou', b"\xff\xfe\x00", b"[]", b"5", b"{}", b'{"cells": 3}',
     b'{"worksheets": {}}', b'{"worksheets": [[]]}', b"[" * 100_000],
)  # fmt: skip
def test_file_that_is_no_notebook_is_refused(chosen: list[Exercise], content: Any) -> None:
    with pytest.raises(UnreadableError, match="not a notebook"):
        read_answers(content, chosen)


@pytest.mark.parametrize(
    "strange",
    [None, 5, "text", {}, {"cell_type": "code"}, {"cell_type": "code", "source": None, "metadata": None},
     {"cell_type": "code", "source": {"a": 1}, "metadata": {"nbgrader": 3}},
     {"cell_type": "code", "source": "(" * 50_000, "metadata": {"nbgrader": {"grade_id": []}}},
     {"cell_type": "code", "source": "x = " + "-" * 90_000 + "1", "metadata": {}},
     {"cell_type": "code", "source": "1" + "+1" * 45_000, "metadata": {}},
     {"cell_type": "code", "source": "x" * 90_000 + " " * 9_000 + "?", "metadata": {}},
     {"cell_type": "code", "source": (" " * 99 + "\n") * 900 + "(", "metadata": {}},
     {"cell_type": "code", "source": "\0", "metadata": {}}],
)  # fmt: skip
def test_malformed_cells_are_skipped(notebook: dict[str, Any], chosen: list[Exercise], strange: Any) -> None:
    expected = read(notebook, chosen)
    notebook["cells"].insert(1, strange)
    assert read(notebook, chosen) == expected
