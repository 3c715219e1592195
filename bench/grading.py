"""What grading costs, beside ``nbgrader autograde`` on the same assignment and the same submissions.

CPU time counts everything a command starts, down to students' processes: the process that measures adopts and awaits
what others leave behind.
"""

import contextlib
import ctypes
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil

from bench import Figures, Row
from coursegrader.assignment import build_assignment
from coursegrader.exercises import read_exercises
from experiments.clock import Clock
from experiments.runner import ROOT, measure

QUESTIONS = ["data-leak", "model-softmax", "compile-cross-entropy", "compile-model", "evaluate-read"]
SOURCE = ROOT / "book" / "exercises"
RESTS_ON = [SOURCE, ROOT / "grader" / "src"]
BIN = Path(sys.executable).parent
FEW, MANY = 2, 6  # nbgrader's cost a submission is the difference, divided
WARM_FROM, WARM_TO = 5, 50


def rows() -> list[Row]:
    """Return the table's rows."""
    return [
        Row("a submission of five questions, warm", "CPU s", "ratio >= 15", measure_warm),
        Row("50 submissions, warm-up included", "CPU s", "ratio >= 10", measure_fifty),
        Row("1,000 submissions, two workers", "s", "", measure_time),
        Row("memory, first beside last third of 3,000 submissions", "MB", "ratio >= 0.95", measure_memory),
    ]


def measure_warm() -> Figures:
    """Compare what one more submission costs."""
    ours = (measured(cost_of_ours, WARM_TO) - measured(cost_of_ours, WARM_FROM)) / (WARM_TO - WARM_FROM)
    return {"baseline": cost_of_one_more(), "ours": ours, "note": f"nbgrader: from {FEW} and {MANY} submissions"}


def measure_fifty() -> Figures:
    """Compare what a class of 50 costs from start to end; nbgrader's is extended from fewer."""
    baseline = measured(cost_of_nbgrader, FEW) + (WARM_TO - FEW) * cost_of_one_more()
    ours = measured(cost_of_ours, WARM_TO)
    return {"baseline": baseline, "ours": ours, "note": f"nbgrader: extended from {MANY} submissions"}


def measure_time() -> Figures:
    """Return how long a thousand submissions take."""
    return {"ours": measured(grade_class, 1000)["seconds"], "note": "five questions each"}


def measure_memory() -> Figures:
    """Compare the mean memory of the first third of three thousand submissions with that of the last."""
    memory = measured(grade_class, 3000)
    return {"baseline": memory["early_mb"], "ours": memory["late_mb"], "note": "all processes together"}


def measured(function: Callable[..., Any], *args: Any) -> Any:
    """Return what a function of this file returned in a process of its own, which has all cores."""
    return measure(function, *args, files=RESTS_ON, environment="dev", one_core=False).result


def cost_of_one_more() -> float:
    """Return nbgrader's CPU seconds for each further submission."""
    cost: float = measured(cost_of_nbgrader, MANY) - measured(cost_of_nbgrader, FEW)
    return cost / (MANY - FEW)


def cost_of_nbgrader(count: int) -> float:
    """Return the CPU seconds of ``nbgrader autograde`` for so many submissions."""
    with course(count, "submitted/{}/five/five.ipynb") as folder:
        subprocess.run([BIN / "nbgrader", "generate_assignment", "five", "--force"], cwd=folder, check=True, **quiet())
        timeout = "--ExecutePreprocessor.timeout=600"  # a busy machine is not the students' fault
        return cpu_seconds([BIN / "nbgrader", "autograde", "five", timeout], folder)


def cost_of_ours(count: int) -> float:
    """Return the CPU seconds of ``mnist-lessons grade`` for so many submissions."""
    with course(count) as folder:
        return cpu_seconds(grade_command(folder, workers=1), folder)


def grade_class(count: int) -> dict[str, float]:
    """Grade so many submissions and look at the memory of all processes on the way."""
    with course(count) as folder:
        records = folder / "grades" / "records"
        start = time.perf_counter()
        process = subprocess.Popen(grade_command(folder, workers=2), cwd=folder, **quiet())
        memory: dict[int, list[float]] = {}
        while process.poll() is None:
            done = len(list(records.glob("*.json"))) if records.is_dir() else 0
            memory.setdefault(3 * done // count, []).append(resident_megabytes(process.pid))
            time.sleep(1)
        seconds = time.perf_counter() - start
        if process.returncode:
            raise RuntimeError(f"mnist-lessons grade: exit code {process.returncode}")
    return {"seconds": seconds, "early_mb": statistics.mean(memory[0]), "late_mb": statistics.mean(memory[2])}


@contextlib.contextmanager
def course(count: int, name: str = "submitted/{}.ipynb") -> Iterator[Path]:
    """Yield a folder with the assignment and so many right submissions."""
    exercises = {exercise.id: exercise for exercise in read_exercises(SOURCE)}
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        build_assignment("five", [exercises[question] for question in QUESTIONS], folder)
        answered = json.loads((folder / "source" / "five" / "five.ipynb").read_text(encoding="utf-8"))
        for cell in answered["cells"]:
            if cell["metadata"]["nbgrader"]["grade"]:
                cell["source"] = "# what a student would have here does not matter"
        for number in range(count):
            file = folder / name.format(f"student{number:04}")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(answered), encoding="utf-8")
        yield folder


def grade_command(folder: Path, *, workers: int) -> list[str | Path]:
    """Return the command that grades what `course` made."""
    command: list[str | Path] = [BIN / "mnist-lessons", "grade", folder / "submitted", "--assignment", folder]
    return [*command, "--out", folder / "grades", "--workers", str(workers)]


def cpu_seconds(command: list[str | Path], folder: Path) -> float:
    """Run a command; return the CPU seconds of it and of all its descendants."""
    adopt = 36  # PR_SET_CHILD_SUBREAPER: what outlives its parent becomes our child, and its time is counted
    ctypes.CDLL(None).prctl(adopt, 1, 0, 0, 0)
    with Clock() as clock:
        subprocess.run(command, cwd=folder, check=True, **quiet())
        with contextlib.suppress(ChildProcessError):
            while True:
                os.wait()
    return clock.cpu_seconds


def resident_megabytes(pid: int) -> float:
    """Return the memory of a process and its descendants in MB, shared pages divided among them."""
    total = 0.0
    for process in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]:
        with contextlib.suppress(psutil.Error):
            total += process.memory_full_info().pss
    return total / 1e6


def quiet() -> dict[str, Any]:
    """Return options that keep a command's output away and let it find the environment's programs."""
    path = f"{BIN}:{os.environ['PATH']}"
    return {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": {**os.environ, "PATH": path}}
