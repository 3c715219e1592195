import dataclasses
import importlib
import inspect
import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import execute
import toc
from experiments import runner
from experiments.clock import Clock
from mnist_lessons import data
from mnist_lessons.data import load_mnist
from mnist_lessons.fingerprint import rests_on
from mnist_lessons.tables import STORED, load_table


def stored_tables() -> list[Any]:
    return sorted(STORED.glob("*.csv"))


@pytest.mark.parametrize("file", stored_tables(), ids=lambda file: file.stem)
def test_stored_table_says_what_made_it(file: Any) -> None:
    text = file.with_suffix(".json").read_text(encoding="utf-8")
    note = json.loads(text)
    needed = {"command", "seeds", "cpu_seconds", "versions", "machine"}
    assert needed <= set(note) <= {*needed, "processor", "runs", "earlier"}  # the last two are not in the oldest
    script = Path(__file__).parents[1] / "experiments" / f"{note['command'].split()[3]}.py"
    assert f'"{file.stem}"' in script.read_text(encoding="utf-8")
    assert note["cpu_seconds"] > 0
    assert not re.search(r"(?<!\d)/", text)  # no path; the layers of small networks have a stride after a slash


def test_each_stored_table_makes_a_chapter_stale() -> None:
    named: set[str] = set()
    for name in toc.chapters():
        cells = execute.read_notebook(f"book/{name}.md")[0].cells
        code = "\n".join(cell.source for cell in cells if cell.cell_type == "code" and "%" not in cell.source[:1])
        named |= rests_on(code, [STORED.parent])[1].keys()
    assert named >= {f"mnist_lessons/stored/{table.name}" for table in stored_tables()}


TRIAL = """
import os, subprocess, sys
from pathlib import Path
from trial import needed

HERE = Path(__file__).parents[1]

def double(number):
    with (HERE / "calls").open("a") as calls:
        calls.write(f"{number} ")
    if number == 2 and (HERE / "refuse").exists():
        raise ValueError("refused")
    return [{"number": number, "result": needed.FACTOR * number}]

def cores():
    return len(os.sched_getaffinity(0))

def seen():
    return [os.environ.get(name) for name in ("KERAS_BACKEND", "SECRET", "MNIST_LESSONS_STORE")]

def work_in_child():
    code = "import time" + chr(10) + "while time.process_time() < 0.5: pass"
    subprocess.run([sys.executable, "-c", code], check=True)
"""


@pytest.fixture
def trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The folder of a package `trial` with functions to measure; `double` adds its argument to a file `calls`."""
    folder = tmp_path / "trial"
    folder.mkdir()
    for name, code in {"work": TRIAL, "needed": "FACTOR = 2", "other": ""}.items():
        (folder / f"{name}.py").write_text(code, encoding="utf-8")
    monkeypatch.setattr(runner, "RUNS", tmp_path / "runs")
    monkeypatch.setattr(runner, "STORED", tmp_path)
    monkeypatch.setattr(runner, "PACKAGES", [folder])
    monkeypatch.syspath_prepend(tmp_path)
    yield folder
    for name in [name for name in sys.modules if name.partition(".")[0] == "trial"]:
        del sys.modules[name]


def work(name: str) -> Any:
    return getattr(importlib.import_module("trial.work"), name)


def calls(folder: Path) -> Any:
    return (folder.parent / "calls").read_text(encoding="utf-8").split()


def test_run_is_measured_again_only_after_what_it_rests_on_changed(trial: Any) -> None:
    def result() -> Any:
        return runner.measure(work("double"), 3).result[0]["result"]

    assert [result(), result()] == [6, 6]
    assert calls(trial) == ["3"]
    (trial / "other.py").write_text('"""Another docstring."""', encoding="utf-8")
    (trial / "table.csv").write_text("stored,table", encoding="utf-8")
    assert result() == 6
    assert calls(trial) == ["3"]
    (trial / "needed.py").write_text("FACTOR = 100", encoding="utf-8")
    assert result() == 300


def test_run_is_measured_again_after_a_file_that_it_reads_changed(trial: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "ROOT", trial.parent)
    for text in ("one", "one", "two"):
        (trial.parent / "read.txt").write_text(text, encoding="utf-8")
        runner.measure(work("double"), 3, files=[trial.parent / "read.txt"])
    assert calls(trial) == ["3", "3"]


def test_failed_run_names_itself_and_series_goes_on_where_it_stopped(trial: Any) -> None:
    def series() -> list[Any]:
        return [runner.measure(work("double"), number) for number in (1, 2, 3)]

    (trial.parent / "refuse").touch()
    with pytest.raises(runner.RunError, match=r"(?s)^work.double\(2\): exit code 1\n.*ValueError: refused"):
        series()
    (trial.parent / "refuse").unlink()
    assert [run.result[0]["result"] for run in series()] == [2, 4, 6]
    assert calls(trial) == ["1", "2", "2", "3"]


def test_tables_of_the_same_runs_each_note_what_these_took(trial: Any) -> None:
    runs = [runner.measure(work("double"), number) for number in (1, 2)]
    runs = [dataclasses.replace(run, cpu_seconds=20.4) for run in runs]
    for table in ("first", "second"):
        rows = runner.save_table(table, runs, experiment="trial", seeds="none")
        assert rows == [{"number": 1, "result": 2}, {"number": 2, "result": 4}]
        note = json.loads((trial.parent / f"{table}.json").read_text(encoding="utf-8"))
        assert note["cpu_seconds"] == 41
        assert note["command"] == "python -m experiments trial"


def test_run_whose_timing_is_the_point_is_made_again_while_it_is_disturbed(
    trial: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measure(walls: list[float], **options: Any) -> Any:
        waiting = iter(walls)
        made = []

        def call(label: str, *_: Any) -> Any:
            made.append(label)
            return runner.Run([{"number": 1}], 10.0, next(waiting), 100.0, label, (2.0, 3.0))

        monkeypatch.setattr(runner, "_call", call)
        run = runner.measure(work("double"), 1, **options)
        assert len(made) == len(walls)
        return run.wall_seconds, run.disturbed

    assert measure([14.0]) == (14, True)
    assert measure([]) == (14, True)  # kept, and good enough for a result
    assert measure([13.0, 12.0, 15.0], timing=True) == (12, True)
    assert measure([10.9], timing=True) == (10.9, False)
    assert measure([], timing=True) == (10.9, False)


def test_table_notes_processor_and_how_busy_the_machine_was_at_each_run(trial: Any) -> None:
    runs = [
        runner.measure(work("double"), 1),
        runner.Run([{"number": 2, "result": 4}], 10, 12, 100, "double(2)", (1, 2.5)),
    ]
    runner.save_table("first", runs, experiment="trial", seeds="none")
    note = json.loads((trial.parent / "first.json").read_text(encoding="utf-8"))
    assert re.fullmatch(
        r"work\.double\(1\): [\d.]+ CPU s in [\d.]+ s(, load [\d.]+ to [\d.]+)?(, disturbed)?", note["runs"][0]
    )
    assert note["runs"][1] == "double(2): 10.0 CPU s in 12.0 s, load 1.0 to 2.5, disturbed"
    assert note["processor"] == runner.processor()


def test_processor_is_told_from_others_of_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "cpu family\t: 26\nmodel\t\t: 2\nmodel name\t: AMD EPYC\nflags\t\t: fpu avx2 avx512f\n\nmodel\t: 3\n"
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: text)
    assert runner.processor() == "cpu family 26, model 2, avx2, avx512f"
    assert runner.machine().endswith(", AMD EPYC")


def test_table_keeps_what_is_stored_of_rows_that_are_not_renewed(trial: Any) -> None:
    def save(runs: Any, **options: Any) -> Any:
        return runner.save_table("first", [runner.Run(runs, 1, 1, 1)], experiment="trial", seeds="none", **options)

    save([{"name": "a", "errors": 1}, {"name": "b", "errors": 2}])
    rows = save([{"name": "a", "errors": 3, "epochs": 7}], renewed=["a"])
    assert rows == [{"name": "a", "errors": 3, "epochs": 7}, {"name": "b", "errors": 2, "epochs": ""}]
    note = json.loads((trial.parent / "first.json").read_text(encoding="utf-8"))
    assert note["command"] == "python -m experiments trial --rows a"
    assert note["earlier"]["command"] == "python -m experiments trial"
    assert runner.save_table("first", [], experiment="trial", seeds="none", renewed=["b"]) == rows
    assert json.loads((trial.parent / "first.json").read_text(encoding="utf-8")) == note


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system does not pin processes to cores")
def test_run_has_one_core_unless_it_asks_for_all(trial: Any) -> None:
    assert runner.measure(work("cores")).result == 1
    assert runner.measure(work("cores"), one_core=False).result == len(os.sched_getaffinity(0))


def test_run_sees_only_the_variables_that_are_listed(trial: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KERAS_BACKEND", "SECRET", "MNIST_LESSONS_STORE"):
        monkeypatch.setenv(name, "mine")
    assert runner.measure(work("seen")).result == ["tensorflow", None, "mine"]


def test_run_pays_for_its_children(trial: Any) -> None:
    assert runner.measure(work("work_in_child")).cpu_seconds >= 0.5


def test_reported_networks_have_the_learning_rates_that_were_chosen() -> None:
    from experiments.relu_vs_sigmoid import CHOOSING_SEEDS, best_rate

    rates, sweep = load_table("relu-rates"), load_table("relu-sweep")
    assert len(sweep) == 28 * 2 * 10
    assert not {row["seed"] for row in sweep} & set(CHOOSING_SEEDS)
    for row in sweep:
        cell = [row[name] for name in ("activation", "depth", "optimizer", "initializer")]
        assert row["learning_rate"] == best_rate(rates, *cell)


def test_deep_networks_have_the_learning_rates_that_were_chosen() -> None:
    from experiments.depth import CHOOSING_SEED, best_rate

    rates, table = load_table("depth-rates"), load_table("depth")
    assert {row["seed"] for row in rates} == {CHOOSING_SEED}
    for row in table:
        assert row["seed"] != CHOOSING_SEED
        assert row["learning_rate"] == best_rate(rates, row["depth"], row["kind"])


def test_linear_denoisers_are_those_of_scikit_learn() -> None:
    from sklearn.decomposition import PCA
    from sklearn.linear_model import LinearRegression

    from experiments import autoencoder

    images = load_mnist()[1][0][:1500]
    flat = images.reshape(-1, 784).astype("float64")
    ours = autoencoder.principal_components(images, 20)
    theirs = PCA(20, svd_solver="full").fit(flat).components_
    np.testing.assert_allclose(np.abs(np.sum(ours * theirs, axis=1)), 1, atol=1e-6)

    noisy = autoencoder.with_noise_of_any_level(images)
    weights, offset = autoencoder.best_linear_map(noisy, images)
    fitted = LinearRegression().fit(noisy.reshape(-1, 784), flat)
    np.testing.assert_allclose(weights, fitted.coef_.T, atol=1e-6)
    np.testing.assert_allclose(offset, fitted.intercept_, atol=1e-4)


def test_blur_and_components_undo_lost_contrast() -> None:
    from experiments import autoencoder

    clean = load_mnist()[1][0][:200]
    pale = clean / 2 + 50
    np.testing.assert_allclose(autoencoder.best_blur(clean, pale), (0, 2, -100), rtol=1e-3)
    components = autoencoder.principal_components(clean, 784)
    around, pale_around = clean - clean.mean(axis=0), pale - pale.mean(axis=0)
    np.testing.assert_allclose(autoencoder.best_components(around, pale_around, components), (784, 2), rtol=1e-6)


TINY = "conv4x3/2 pool weigh"


@pytest.mark.weekly
@pytest.mark.filterwarnings("ignore:Mean of empty slice", "ignore:invalid value")  # of runs that are not made
@pytest.mark.parametrize(
    ("name", "settings", "distinct"),
    [
        ("augmentation", {"EPOCHS": 1, "LONG": 2}, 1),
        ("autoencoder", {"EPOCHS": {1000: {"clean": 1, "deep": 1, "both": 1}}, "LONGER": 1}, 0),
        ("data_size", {"SIZES": (1000,), "STEPS": 24}, 1),
        ("data_stream", {"ALL": 2500, "SHOWN": (2500,)}, 2),
        ("dense_rates", {"SEEDS": (0,)}, 0),
        ("depth", {"DEPTHS": (2,), "SEEDS": (0,), "LONGER": (("he", "adam", 0.001, 1e-7),), "EPOCHS": 1}, 0),
        ("old_protocol", {}, 0),
        ("relu_vs_sigmoid", {}, 0),
        ("scoreboard", {"CHOOSING_SEEDS": (100,), "SEEDS": (0,)}, 2),
        ("seed_answers", {"SEEDS": (0,)}, 1),
        (
            "small",
            {
                "SEARCH": ((TINY,),),
                "CHOSEN": {TINY: 1},
                "PUBLISHED": {"published-697": (0,)},
                "FIVE": (0,),
            },
            1,
        ),
        ("train_fast", {}, 1),
        ("your_data", {"SEEDS": ((0,),), "STEPS": {"frozen": 25, "scratch": 25}}, 0),
    ],
)
def test_experiment_on_few_images_makes_tables_with_the_columns_of_the_stored_ones(
    name: str, settings: Any, distinct: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Calls that differ only in arguments after the first so many are made once, in this process."""
    experiment = importlib.import_module(f"experiments.{name}")
    outcomes, tables = {}, []

    def measure(function: Any, *args: Any, **_: Any) -> Any:
        key = (function.__name__, *map(str, args[:distinct]))
        if key not in outcomes:
            with Clock() as clock:
                result = function(*args)
            result = json.loads(json.dumps(result, default=lambda v: v.tolist()))
            outcomes[key] = runner.Run(result, clock.cpu_seconds, clock.wall_seconds, clock.peak_mb)
        return outcomes[key]

    def save_table(table: Any, runs: Any, *, rows: Any = None, **_: Any) -> Any:
        rows = [row for run in runs for row in run.result] if rows is None else rows
        assert {column for row in rows for column in row} == set(load_table(table)[0])
        tables.append(table)
        return rows

    few = [(images[:count], labels[:count]) for (images, labels), count in zip(load_mnist(), (2500, 2000), strict=True)]
    splits = data.Splits(few[0], (few[1][0][:500], few[1][1][:500]), few[1])
    parts = [part for part in vars(experiment).values() if getattr(part, "__name__", "").startswith("experiments.")]
    for module in (data, experiment, *parts):
        monkeypatch.setattr(module, "load_mnist", lambda: few, raising=module is data)
        monkeypatch.setattr(module, "split_mnist", lambda: splits, raising=module is data)
    for setting, value in {**settings, "measure": measure, "save_table": save_table}.items():
        monkeypatch.setattr(experiment, setting, value)
    experiment.main()
    made_here = [f.stem for f in stored_tables() if f'"{f.stem}"' in inspect.getsource(experiment)]
    assert sorted(tables) == sorted(made_here)
