import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from mnist_lessons.results import LEDGER_KEY, record


@pytest.fixture
def notebook() -> Iterator[None]:
    InteractiveShell.instance()
    yield
    InteractiveShell.clear_instance()


def recorded(*arguments: Any, **options: Any) -> Any:
    with capture_output() as captured:
        record(*arguments, **options)
    (output,) = captured.outputs
    return output


@pytest.mark.usefixtures("notebook")
def test_a_record_is_glue_and_ledger_at_once() -> None:
    output = recorded("test_accuracy", np.float32(0.5), interval=(np.float64(0.25), 0.75), seeds=range(3))
    assert output.data == {"application/papermill.record/text/plain": "0.5"}
    assert output.metadata["scrapbook"] == {"name": "test_accuracy", "mime_prefix": "application/papermill.record/"}
    entry = {"name": "test_accuracy", "value": 0.5, "interval": [0.25, 0.75], "seeds": [0, 1, 2]}
    assert json.loads(json.dumps(output.metadata[LEDGER_KEY])) == entry


@pytest.mark.usefixtures("notebook")
def test_the_output_is_what_myst_nb_s_own_glue_writes() -> None:
    from myst_nb import glue

    with capture_output() as captured:
        glue("answer", 42, display=False)
    (theirs,) = captured.outputs
    ours = recorded("answer", np.int64(42))
    assert ours.data == theirs.data
    assert ours.metadata["scrapbook"] == theirs.metadata["scrapbook"]


def test_outside_a_notebook_nothing_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    record("answer", 42)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["Test", "two words", "", "9lives", "dash-ed"])
def test_names_are_words_joined_by_underscores(name: str) -> None:
    with pytest.raises(ValueError, match="name: expected lower-case words"):
        record(name, 1)


@pytest.mark.parametrize("value", [float("nan"), np.inf, [1], None, np.zeros(2)])
def test_values_are_finite_numbers_or_texts(value: Any) -> None:
    with pytest.raises(ValueError, match="value: expected a"):
        record("answer", value)


def test_an_interval_has_finite_ends() -> None:
    with pytest.raises(ValueError, match="finite"):
        record("answer", 1, interval=(0, float("inf")))
