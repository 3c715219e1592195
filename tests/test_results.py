import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from mnist_lessons.results import LEDGER_KEY, check, record


@pytest.fixture
def notebook() -> Iterator[None]:
    InteractiveShell.instance()
    yield
    InteractiveShell.clear_instance()


def recorded(*arguments: Any, call: Any = record, **options: Any) -> Any:
    with capture_output() as captured:
        call(*arguments, **options)
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


def checked(*arguments: Any, **options: Any) -> Any:
    output = recorded(*arguments, call=check, **options)
    assert "scrapbook" not in output.metadata, "a check is no number for prose"
    return json.loads(json.dumps(output.metadata[LEDGER_KEY]))


@pytest.mark.usefixtures("notebook")
def test_a_check_writes_down_value_bounds_and_margin() -> None:
    entry = {"claim": "faster", "value": 3.0, "at_least": 2.0, "margin": 1 / 3, "margin_unit": "share"}
    assert checked("faster", np.float32(3), at_least=2) == entry
    assert checked("faster", 3, at_least=2, at_most=6)["margin"] == 0.5
    assert checked("equal", np.bool_(True)) == {"claim": "equal", "value": True}


@pytest.mark.usefixtures("notebook")
def test_the_margin_is_in_standard_errors_where_one_is_known() -> None:
    entry = checked("faster", 3, at_least=2, interval=(3 - 1.96, 3 + 1.96), seeds=range(3))
    assert (entry["margin"], entry["margin_unit"]) == (pytest.approx(1), "standard errors")
    assert entry["seeds"] == [0, 1, 2]
    assert checked("faster", 3, at_least=2, per_seed=[2, 4, 3, 3])["margin"] == pytest.approx(1 / np.sqrt(2 / 3 / 4))


@pytest.mark.usefixtures("notebook")
def test_seeds_that_alone_would_fail_are_counted() -> None:
    entry = checked("faster", 3, at_least=2.5, per_seed=np.array([2, 4, 3, 3]))
    assert (entry["per_seed"], entry["failing_seeds"], entry["seeds"]) == ([2, 4, 3, 3], 1, 4)


@pytest.mark.usefixtures("notebook")
def test_of_an_array_the_number_nearest_to_its_bound_is_written_down() -> None:
    entry = checked("all", np.array([5, 9, 7]), at_least=[1, 8, 2])
    assert (entry["value"], entry["at_least"]) == (9, 8)


@pytest.mark.parametrize(
    ("value", "options", "message"),
    [
        (1.5, {"at_least": 2}, "the claim 'x' does not hold: expected at least 2, got 1.5"),
        ([3, 7], {"at_least": 2, "at_most": 6}, "expected at least 2 and at most 6, got 7.0"),
        (False, {}, "expected true, got False"),
    ],
)
def test_a_claim_that_does_not_hold_is_named_with_value_and_bounds(value: Any, options: Any, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check("x", value, **options)


@pytest.mark.parametrize(
    ("value", "options", "message"),
    [
        (1, {}, "expected at_least, at_most or both"),
        (True, {"at_most": 2}, "a truth value has no bounds"),
        (float("nan"), {"at_least": 2}, "finite"),
        ([], {"at_least": 2}, "got none"),
        (1, {"at_least": float("nan")}, "finite"),
    ],
)
def test_a_check_that_says_nothing_is_an_error(value: Any, options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check("x", value, **options)
