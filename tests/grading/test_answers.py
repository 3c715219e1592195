"""What becomes of notebooks, and what is still found in them."""

import copy
import json

import pytest

from mnist_lessons.grading.answers import UnreadableError, read_answers
from mnist_lessons.grading.release import make_notebook


@pytest.fixture
def chosen(exercises):
    return [exercises[name] for name in ("model-softmax", "model-merge", "data-rescale")]


@pytest.fixture
def notebook(chosen):
    return json.loads(json.dumps(make_notebook("week-1", chosen, with_answers=True)))


def cell(notebook, name):
    return next(c for c in notebook["cells"] if c["metadata"].get("nbgrader", {}).get("grade_id") == name)


def read(notebook, chosen):
    return read_answers(json.dumps(notebook).encode(), chosen)


def new_cell(source):
    return {"cell_type": "code", "metadata": {}, "source": source, "outputs": [], "execution_count": None}


def test_answers_are_found_by_id(notebook, chosen):
    found = read(notebook, chosen)
    assert set(found) == {"model-softmax", "model-merge", "data-rescale"}
    assert "exponentials" in found["model-softmax"].cells[0]
    assert found["model-merge"].context == ()


def test_order_does_not_matter(notebook, chosen):
    expected = read(notebook, chosen)
    notebook["cells"].reverse()
    assert read(notebook, chosen) == expected


def test_locked_cells_are_not_looked_at(notebook, chosen):
    expected = read(notebook, chosen)
    for name in ("setup-1", "model-softmax-1", "model-softmax-2"):
        cell(notebook, name)["source"] = "def softmax(s): return 'forged'"
    assert read(notebook, chosen) == expected


def test_a_deleted_answer_is_missing_and_others_stay(notebook, chosen):
    notebook["cells"].remove(cell(notebook, "model-merge"))
    assert set(read(notebook, chosen)) == {"model-softmax", "data-rescale"}


def test_a_changed_id_is_made_good_by_the_names(notebook, chosen):
    expected = read(notebook, chosen)
    cell(notebook, "model-softmax")["metadata"]["nbgrader"]["grade_id"] = "something-else"
    cell(notebook, "model-merge")["metadata"] = {}
    assert read(notebook, chosen) == expected


def test_an_untouched_copy_of_the_stub_does_not_count(notebook, chosen):
    stub = copy.deepcopy(cell(notebook, "model-softmax"))
    stub["source"] = chosen[0].stub
    expected = read(notebook, chosen)
    notebook["cells"].append(stub)
    assert read(notebook, chosen) == expected


def test_an_answer_in_two_cells_is_taken_in_order(notebook, chosen):
    second = copy.deepcopy(cell(notebook, "model-softmax"))
    second["source"] = "def softmax(scores):\n    return 2"
    notebook["cells"].append(second)
    assert len(read(notebook, chosen)["model-softmax"].cells) == 2


def test_a_helper_elsewhere_comes_along_with_what_it_needs(notebook, chosen):
    notebook["cells"].insert(2, new_cell("BASE = np.e"))
    notebook["cells"].insert(3, new_cell("def power(x):\n    return BASE ** x"))
    notebook["cells"].insert(4, new_cell("scratch = never_defined"))
    cell(notebook, "model-softmax")["source"] = "def softmax(scores):\n    p = power(scores)\n    return p / p.sum()"
    found = read(notebook, chosen)["model-softmax"]
    assert found.context == ("BASE = np.e", "def power(x):\n    return BASE ** x")


def test_another_answer_can_be_used(notebook, chosen):
    cell(notebook, "data-rescale")["source"] = "def rescale(images):\n    return softmax(images)"
    assert "exponentials" in read(notebook, chosen)["data-rescale"].context[0]


@pytest.mark.parametrize("line", ["%matplotlib inline", "!pip install numpy", "np.exp?", "%%time", "    %time x"])
def test_notebook_commands_are_left_out(notebook, chosen, line):
    target = cell(notebook, "model-softmax")
    before = "" if line.startswith("%%") else "if True:\n    pass\n"
    target["source"] = before + line + "\n" + target["source"]
    compile(read(notebook, chosen)["model-softmax"].cells[0], "answer", "exec")


def test_sources_as_lists_and_old_formats_are_read(notebook, chosen):
    expected = read(notebook, chosen)
    for c in notebook["cells"]:
        c["source"] = c["source"].splitlines(keepends=True)
    assert read(notebook, chosen) == expected
    old = {"nbformat": 3, "worksheets": [{"cells": [{**c, "input": c["source"]} for c in notebook["cells"]]}]}
    for c in old["worksheets"][0]["cells"]:
        del c["source"]
    assert read(old, chosen) == expected


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b'{"cells": [{"cell_type": "code", "sou', b"\xff\xfe\x00", b"[]", b"5", b"{}", b'{"cells": 3}',
     b'{"worksheets": {}}', b'{"worksheets": [[]]}', b"[" * 100_000],
)  # fmt: skip
def test_what_is_no_notebook_is_said_to_be_none(chosen, content):
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
def test_strange_cells_do_no_harm(notebook, chosen, strange):
    expected = read(notebook, chosen)
    notebook["cells"].insert(1, strange)
    assert read(notebook, chosen) == expected
