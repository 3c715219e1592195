import importlib
import json
import sys
from pathlib import Path
from typing import Any, NoReturn

import pytest

import bench.__main__ as bench
from bench import Row, training
from experiments import recipe_costs, train_fast
from experiments.runner import Run, RunError
from mnist_lessons import recipes


@pytest.mark.parametrize(
    ("figures", "target", "ratio", "met"),
    [
        ({"baseline": 6.0, "ours": 2.0}, "ratio >= 3", 3.0, True),
        ({"baseline": 6.0, "ours": 2.0}, "ratio >= 3.1", 3.0, False),
        ({"baseline": 6.0, "ours": 2.0, "missed": "less accurate"}, "ratio >= 3", 3.0, False),
        ({"ours": 60}, "ours <= 60", None, True),
        ({"ours": 61}, "ours <= 60", None, False),
        ({"ours": 61}, "", None, None),
    ],
)
def test_row_is_judged_by_its_target(figures: Any, target: str, ratio: Any, met: Any) -> None:
    result = bench.report(Row("a row", "s", target, lambda: figures))
    assert (result["ratio"], result["met"]) == (ratio, met)


def test_missed_target_and_failed_run_are_reported_after_all_rows(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def fail() -> NoReturn:
        raise RunError("train(7): exit code 1")

    rows = [
        Row("fails", "s", "", fail),
        Row("misses", "s", "ratio >= 2", lambda: {"baseline": 1, "ours": 1}),
        Row("meets", "s", "ours <= 5", lambda: {"ours": 1}),
    ]
    monkeypatch.setattr(bench, "REPORTS", tmp_path)
    monkeypatch.setattr(importlib, "import_module", lambda _: type("table", (), {"rows": lambda: rows}))
    monkeypatch.setattr(sys, "argv", ["bench", "--only", "chapters"])
    with pytest.raises(SystemExit, match=r"fails: train\(7\): exit code 1\nmisses: target not met$"):
        bench.main()
    assert "meets" in capsys.readouterr().out
    reported = json.loads((tmp_path / "chapters.json").read_text(encoding="utf-8"))
    assert [row["met"] for row in reported["rows"]] == [False, True]


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What each run of a training finds, by the name of its recipe; none is really made."""
    memory = {"peak_mb": 100.0, "import_mb": 40.0}
    found = {"cpu_seconds": 4.0, "wall_seconds": 4.0, **memory, "accuracy": 0.9951, "cpu_to_99": 3.0}
    by_name: dict[str, dict[str, float]] = {}

    def measure(function: Any, *args: Any, timing: bool = False) -> Any:
        if function is recipe_costs.train:
            assert hasattr(recipes, args[0])
        return Run({**found, **by_name.get(args[0], {})}, cpu_seconds=5, wall_seconds=5, peak_mb=200)

    monkeypatch.setattr(training, "measure", measure)
    monkeypatch.setattr(train_fast, "measure", measure)
    return by_name


def report_training() -> dict[str, Any]:
    return {row.name: bench.report(row) for row in training.rows()}


def test_training_compares_medians_of_runs(trained: Any) -> None:
    trained["fast_99"] = {"cpu_seconds": 0.5}
    rows = report_training()
    assert rows["99.0 % test accuracy, every seed"]["ratio"] == 6  # mnist_convnet reached it in 3 s
    assert rows["the old recipe, same algorithm"]["ratio"] == 1


def test_cheaper_but_less_accurate_training_misses_its_target(trained: Any) -> None:
    trained |= {"fast_99": {"cpu_seconds": 0.1, "accuracy": 0.9899}, "train_old_recipe": {"accuracy": 0.98}}
    trained["best"] = {"cpu_seconds": 301.0, "accuracy": 0.9999}
    rows = report_training()
    for name, reason in {
        "99.0 % test accuracy, every seed": "5 of 5 seeds do not reach 99.00 %",
        "the old recipe, same algorithm": "accuracies 1.51 points apart",
        "best single network within 300 CPU s": "it takes 301 CPU s",
    }.items():
        assert (rows[name]["met"], rows[name]["missed"]) == (False, reason)
