"""What learners do with a notebook: they change a number and run on."""

import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
# The chapter; what is changed, and what else so that it takes seconds; what then reads otherwise than in the book.
CASES = {
    "epochs": (
        "train",
        {
            "epochs, batch_size = 6, 128": "epochs, batch_size = 2, 512",
            "few_epochs = 15": "few_epochs = 2",
            "images_some = images_train[order[:10_000]]": "images_some = images_train[order[:1_000]]",
            "labels_some = labels_train[order[:10_000]]": "labels_some = labels_train[order[:1_000]]",
            "rates = (0.001, 0.01, 0.1, 3.0)": "rates = (0.03, 0.3)",
            "in range(6)": "in range(2)",
        },
        r"Epoch \d+/\d+",
    ),
    "a seed": ("compile", {"set_random_seed(0)": "set_random_seed(1)"}, r"untrained: [\d.]+"),
    "a width": ("model", {"widths = [784, 128, 128, 10]": "widths = [784, 64, 200, 10]"}, r"784 → \d+"),
}


CHANGES = [pytest.param(*CASES[name], id=name, marks=[pytest.mark.weekly] * (name == "epochs")) for name in CASES]


@pytest.mark.parametrize(("chapter", "changes", "told"), CHANGES)
def test_notebook_runs_to_the_end_after_a_change_of(chapter: Any, changes: Any, told: Any, tmp_path: Path) -> None:
    notebook = nbformat.read(NOTEBOOKS / f"{chapter}.ipynb", as_version=4)
    in_the_book = said(notebook, told)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for old, new in changes.items():
        assert sum(cell.source.count(old) for cell in code) == 1, f"{chapter}.ipynb: expected {old!r} once"
        for cell in code:
            cell.source = cell.source.replace(old, new)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert said(notebook, told) != in_the_book
    assert not [output for cell in code for output in cell.outputs if output.get("name") == "stderr"]


def said(notebook: Any, pattern: str) -> str:
    """Return what the notebook's outputs say first that fits the pattern."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    texts = [output.get("text", "") + output.get("data", {}).get("text/plain", "") for output in outputs]
    match = re.search(pattern, "\n".join(texts))
    assert match
    return match[0]
