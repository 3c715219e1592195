import json

import pytest

import bench.__main__ as bench
from bench import Row


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.setattr(bench, "RESULTS", tmp_path / "bench.json")


def row(found, goal="ratio >= 2"):
    calls = []
    return Row("a row", "s", goal, lambda: calls.append(1) or found), calls


@pytest.mark.parametrize(
    ("found", "goal", "ratio", "met"),
    [
        ({"baseline": 6.0, "ours": 2.0}, "ratio >= 3", 3.0, True),
        ({"baseline": 6.0, "ours": 2.0}, "ratio >= 3.1", 3.0, False),
        ({"ours": 60}, "ours <= 60", None, True),
        ({"ours": 61}, "ours <= 60", None, False),
        ({"ours": 61}, "", None, None),
    ],
)
def test_a_row_is_judged_by_its_goal(found, goal, ratio, met):
    result = bench.measure("table", row(found, goal)[0])
    assert (result["ratio"], result["met"]) == (ratio, met)
    assert json.loads(bench.RESULTS.read_text()) == [result]


def test_results_are_appended_and_the_newest_is_found():
    for ours in (1, 2):
        bench.measure("table", row({"baseline": 4, "ours": ours})[0])
    assert [result["ours"] for result in bench.kept()] == [1, 2]
    assert bench.find("table", row({})[0])["ours"] == 2
    assert bench.find("another", row({})[0]) is None


def test_what_was_measured_with_other_code_is_measured_again(monkeypatch):
    bench.measure("table", row({"baseline": 4, "ours": 1})[0])
    monkeypatch.setattr(bench, "key", lambda: "changed")
    assert bench.find("table", row({})[0]) is None


def test_a_missed_goal_is_said_in_the_exit_code(monkeypatch, capsys):
    measured, calls = row({"baseline": 1, "ours": 1})
    monkeypatch.setattr(bench.importlib, "import_module", lambda _: type("table", (), {"rows": lambda: [measured]}))
    monkeypatch.setattr(bench.sys, "argv", ["bench", "--only", "chapters"])
    for _ in range(2):
        with pytest.raises(SystemExit, match="1 rows miss their goal"):
            bench.main()
    assert calls == [1]  # the second run found the first one's result
    assert "NO" in capsys.readouterr().out
