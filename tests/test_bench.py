import json
import subprocess

import pytest

import bench.__main__ as bench
from bench import Row, _runs


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
def test_row_is_judged_by_its_goal(found, goal, ratio, met):
    result = bench.measure("table", row(found, goal)[0])
    assert (result["ratio"], result["met"]) == (ratio, met)
    assert json.loads(bench.RESULTS.read_text()) == [result]


def test_results_are_appended_and_the_newest_is_found():
    for ours in (1, 2):
        bench.measure("table", row({"baseline": 4, "ours": ours})[0])
    assert [result["ours"] for result in bench.kept()] == [1, 2]
    assert bench.find("table", row({})[0])["ours"] == 2
    assert bench.find("another", row({})[0]) is None


def test_row_is_measured_again_after_its_code_changed(monkeypatch):
    bench.measure("table", row({"baseline": 4, "ours": 1})[0])
    monkeypatch.setattr(bench, "key", lambda: "changed")
    assert bench.find("table", row({})[0]) is None


def test_missed_goal_is_reported_by_the_exit_code(monkeypatch, capsys):
    measured, calls = row({"baseline": 1, "ours": 1})
    monkeypatch.setattr(bench.importlib, "import_module", lambda _: type("table", (), {"rows": lambda: [measured]}))
    monkeypatch.setattr(bench.sys, "argv", ["bench", "--only", "chapters"])
    for _ in range(2):
        with pytest.raises(SystemExit, match="1 rows miss their goal"):
            bench.main()
    assert calls == [1]  # the second run found the first one's result
    assert "NO" in capsys.readouterr().out


@pytest.fixture
def processes(tmp_path, monkeypatch):
    """Runs that are started, none of which really is; each takes as many seconds as were started before."""
    started = []

    def start(command, **_):
        started.append(command[-2:])
        return subprocess.CompletedProcess(command, 0, stdout=f'noise\n{{"cpu": {len(started)}}}\n')

    monkeypatch.setattr(_runs, "RUNS", tmp_path / "runs")
    monkeypatch.setattr(_runs.subprocess, "run", start)
    return started


def test_run_is_measured_once(processes):
    assert [_runs.measured("convnet", seed) for seed in (0, 1, 0)] == [{"cpu": 1}, {"cpu": 2}, {"cpu": 1}]
    assert processes == [["convnet", "0"], ["convnet", "1"]]


def test_run_is_measured_again_after_its_code_changed(processes, tmp_path, monkeypatch):
    for name in ("bench/_runs.py", "bench/_baselines.py", "bench/_recipes.py", "constraints.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "mnist_lessons").mkdir()
    for name in ("data", "augmentation", "models", "loops", "recipes", "sweeps"):
        (tmp_path / "mnist_lessons" / f"{name}.py").write_text("")
    monkeypatch.setattr(_runs, "ROOT", tmp_path)
    before = {name: _runs.key(name) for name in ("old-fit", "fast-99")}
    (tmp_path / "mnist_lessons" / "recipes.py").write_text("changed")
    assert _runs.key("old-fit") == before["old-fit"]  # it does not rest on the book's recipes
    assert _runs.key("fast-99") != before["fast-99"]


def test_unknown_run_is_refused():
    with pytest.raises(ValueError, match="name: expected a run of _baselines, .*, _sweeps, got 'faster'"):
        _runs.key("faster")


@pytest.mark.parametrize("seconds_to_99", [3.0, None])
def test_experiment_and_benchmark_name_existing_runs(monkeypatch, seconds_to_99):
    from bench import training
    from experiments import train_fast

    asked = [*train_fast.RECIPES, *train_fast.STEPS]
    run = {"cpu": 4.0, "wall": 4.0, "peak": 100.0, "accuracy": 0.9, "accuracies": [0.9], "cpu_to_99": seconds_to_99}
    monkeypatch.setattr(training, "measured", lambda name, seed=0: asked.append(name) or run)
    for row in training.rows():
        assert row.measure()["ours"]
    assert [_runs.find(name)[0] for name in asked]
