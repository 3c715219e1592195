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


def read(notebook: dict[str, Any], chosen: list[Exercise]) -> dict[str, Answer]:
    return read_answers(json.dumps(notebook).encode(), chosen)


def new_cell(source: Any) -> dict[str, Any]:
    return {"cell_type": "code", "metadata": {}, "source": source, "outputs": [], "execution_count": None}


def test_answers_are_found_by_id(notebook: dict[str, Any], chosen: list[Exercise]) -> None:
    found = read(notebook, chosen)
    assert set(found) == {"model-softmax", "model-merge", "data-rescale"}
    assert "exponentials" in found["model-softmax"].cells[0]
    assert found["model-merge"].context == ()


def test_answers_are_found_in_any_order_of_cells(notebook: dict[str, Any], chosen: list[Exercise]) -> None:
    expected = read(notebook, chosen)
    notebook["cells"].reverse()
    assert read(notebook, chosen) == expected


def test_locked_cells_are_ignored(notebook: dict[str, Any], chosen: list[Exercise]) -> None:
    expected = read(notebook, chosen)
    for name in ("setup-1", "model-softmax-1", "model-softmax-2"):
        cell(notebook, name)["source"] = "def softmax(s): return 'forged'"
    assert read(notebook, chosen) == expected


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
    assert read(notebook, chosen)["model-softmax"].cells == (answer,)
    target["source"] = ""
    assert read(notebook, chosen)["model-softmax"].cells == (answer,)
    target["source"] = "import math"
    assert read(notebook, chosen)["model-softmax"].cells == ("import math", answer)


def test_second_definition_in_a_new_cell_is_ignored(notebook: dict[str, Any], chosen: list[Exercise]) -> None:
    expected = read(notebook, chosen)
    notebook["cells"].append(new_cell("def softmax(scores):\n    return 'an idea'"))
    assert read(notebook, chosen) == expected


def test_answer_in_two_cells_is_taken_in_order(notebook: dict[str, Any], chosen: list[Exercise]) -> None:
    second = copy.deepcopy(cell(notebook, "model-softmax"))
    second["source"] = "def softmax(scores):\n    return 2"
    notebook["cells"].append(second)
    assert len(read(notebook, chosen)["model-softmax"].cells) == 2


def test_helper_in_another_cell_is_included_with_what_it_needs(
    notebook: dict[str, Any], chosen: list[Exercise]
) -> None:
    notebook["cells"].insert(2, new_cell("BASE = np.e"))
    notebook["cells"].insert(3, new_cell("def power(x):\n    return BASE ** x"))
    notebook["cells"].insert(4, new_cell("scratch = never_defined"))
    cell(notebook, "model-softmax")["source"] = "def softmax(scores):\n    p = power(scores)\n    return p / p.sum()"
    found = read(notebook, chosen)["model-softmax"]
    assert found.context == ("BASE = np.e", "def power(x):\n    return BASE ** x")


def test_answer_may_call_another_answer(notebook: dict[str, Any], chosen: list[Exercise]) -> None:
    cell(notebook, "data-rescale")["source"] = "def rescale(images):\n    return softmax(images)"
    assert "exponentials" in read(notebook, chosen)["data-rescale"].context[0]


@pytest.mark.parametrize(
    "helper",
    [
        "try:\n    power = np.exp\nexcept Exception:\n    power = None",
        "if True:\n    def power(x):\n        return np.exp(x)",
        "with open('/dev/null'):\n    import numpy as power",
        "class power:\n    pass",
        "async def power(): pass",
        "for power in [np.exp]:\n    pass",
        "(power := np.exp)",
        "match 1:\n    case power:\n        pass",
        "from numpy import exp as power",
    ],
)
def test_helper_is_included_however_it_is_defined(
    notebook: dict[str, Any], chosen: list[Exercise], helper: str
) -> None:
    notebook["cells"].insert(2, new_cell(helper))
    cell(notebook, "model-softmax")["source"] = "def softmax(scores):\n    return power(scores)"
    assert read(notebook, chosen)["model-softmax"].context == (helper,)


def test_statements_that_change_a_helper_are_included(notebook: dict[str, Any], chosen: list[Exercise]) -> None:
    lines = ["table = {}", "table['a'] = 1", "table['b'].c[0] = 1", "other = {}\nother['a'] = 1", "print(table)"]
    for line in lines:
        notebook["cells"].append(new_cell(line))
    cell(notebook, "model-softmax")["source"] = "def softmax(scores):\n    return table"
    assert read(notebook, chosen)["model-softmax"].context == tuple(lines[:3])


def test_arguments_and_locals_of_the_same_name_hide_no_helper(notebook: dict[str, Any], chosen: list[Exercise]) -> None:
    notebook["cells"].append(new_cell("scale = 2"))
    cell(notebook, "model-softmax")["source"] = (
        "def softmax(scores):\n    return scores * scale\n\n\ndef rest(scale):\n    other = scale\n    return other"
    )
    assert read(notebook, chosen)["model-softmax"].context == ("scale = 2",)


def test_windows_line_endings_and_encodings_are_read(notebook: dict[str, Any], chosen: list[Exercise]) -> None:
    expected = read(notebook, chosen)
    text = json.dumps(notebook, ensure_ascii=False, indent=1)
    for encoding in ("utf-8-sig", "utf-16", "utf-16-le", "utf-32"):
        assert read_answers(text.replace("\n", "\r\n").encode(encoding), chosen) == expected
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


def test_indented_cell_is_read_as_a_notebook_does(notebook: dict[str, Any], chosen: list[Exercise]) -> None:
    expected = read(notebook, chosen)["model-softmax"].cells[0]
    target = cell(notebook, "model-softmax")
    target["source"] = "".join("    " + line + "\n" for line in target["source"].splitlines())
    assert read(notebook, chosen)["model-softmax"].cells[0].strip() == expected.strip()


def test_notebook_with_too_much_code_is_refused_quickly(notebook: dict[str, Any], chosen: list[Exercise]) -> None:
    """Cells that each need the next would be looked through again for each."""
    chain = [new_cell(f"def h{n}(): return h{n + 1}()") for n in range(900)]
    cell(notebook, "model-softmax")["source"] = "def softmax(scores):\n    return h0()"
    start = time.monotonic()
    found = read({**notebook, "cells": notebook["cells"] + chain}, chosen)
    assert len(found["model-softmax"].context) == 900
    for cells in (chain * 2, [new_cell("x = 1 #" + "y" * 90_000)] * 12):
        with pytest.raises(UnreadableError, match="too long"):
            read({**notebook, "cells": notebook["cells"] + cells}, chosen)
    assert time.monotonic() - start < 10


@pytest.mark.parametrize("line", ["%matplotlib inline", "!pip install numpy", "np.exp?", "%%time", "    %time x"])
def test_magics_and_shell_commands_are_left_out(notebook: dict[str, Any], chosen: list[Exercise], line: str) -> None:
    target = cell(notebook, "model-softmax")
    before = "" if line.startswith("%%") else "if True:\n    pass\n"
    target["source"] = before + line + "\n" + target["source"]
    compile(read(notebook, chosen)["model-softmax"].cells[0], "answer", "exec")


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
     {"cell_type": "code", "source": "\0", "metadata": {}}],
)  # fmt: skip
def test_malformed_cells_are_skipped(notebook: dict[str, Any], chosen: list[Exercise], strange: Any) -> None:
    expected = read(notebook, chosen)
    notebook["cells"].insert(1, strange)
    assert read(notebook, chosen) == expected
