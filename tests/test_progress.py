import os
import re
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from mnist_lessons import loops, models


def test_progress_in_a_log_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    model = models.build_dense(())
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    split = np.zeros((64, 28, 28), "uint8"), np.zeros(64, "uint8")
    loops.fit(model, split, validation=split, epochs=2, batch_size=64)
    (line,) = capsys.readouterr().out.splitlines()
    assert re.fullmatch(
        r"epoch 2 of 2, accuracy [\d.]+, loss [\d.]+, validation accuracy [\d.]+, validation loss [\d.]+ \(\d+ s\)",
        line,
    )


def test_progress_in_a_terminal_rewrites_its_line() -> None:
    code = """
        from mnist_lessons import progress
        line = progress._Line()
        line.show("epoch 1 of 2, a long line")
        line.show("epoch 2 of 2")
        line.end()
    """
    outer, inner = os.openpty()
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], stdout=inner, check=True)
    os.close(inner)
    shown = os.read(outer, 10_000).decode()
    os.close(outer)
    # The shorter text overwrites the whole longer one, and only the end moves to the next line.
    assert shown == "\repoch 1 of 2, a long line\repoch 2 of 2" + " " * 13 + "\repoch 2 of 2\r\n"


def test_progress_in_a_notebook_is_one_output_that_is_updated() -> None:
    import nbformat
    from nbclient import NotebookClient

    code = "from mnist_lessons import progress\nl = progress._Line()\nl.show('first')\nl.show('last')\nl.end()"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    NotebookClient(notebook, kernel_name="python3").execute()
    (output,) = notebook.cells[0].outputs
    assert output.data == {"text/plain": "last"}
