"""What grading costs, beside ``nbgrader autograde`` on the same assignment and the same submissions.

CPU time counts everything a command starts, down to students' processes: this process adopts and awaits what others
leave behind.
"""

import contextlib
import ctypes
import functools
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from bench import Row
from coursegrader.assignment import build_assignment
from coursegrader.exercises import read_exercises

QUESTIONS = ["data-leak", "model-softmax", "compile-cross-entropy", "compile-model", "evaluate-read"]
SOURCE = Path(__file__).resolve().parents[1] / "book" / "exercises"
BIN = Path(sys.executable).parent
FEW, MANY = 2, 6  # nbgrader's cost a submission is the difference, divided
WARM_FROM, WARM_TO = 5, 50


def rows() -> list[Row]:
    """Return the table's rows."""
    return [
        Row("a submission of five questions, warm", "CPU s", "ratio >= 15", measure_warm),
        Row("50 submissions, warm-up included", "CPU s", "ratio >= 10", measure_fifty),
        Row("1,000 submissions, two workers", "s", "", lambda: measure_thousand()["time"]),
        Row(
            "memory after 1,000 submissions, beside after 100",
            "MB",
            "ratio >= 0.9",
            lambda: measure_thousand()["memory"],
        ),
    ]


def measure_warm() -> dict:
    """Compare what one more submission costs."""
    ours = (cost_of_ours(WARM_TO) - cost_of_ours(WARM_FROM)) / (WARM_TO - WARM_FROM)
    return {"baseline": cost_of_one_more(), "ours": ours, "note": f"nbgrader: from {FEW} and {MANY} submissions"}


def measure_fifty() -> dict:
    """Compare what a class of 50 costs from start to end; nbgrader's is extended from fewer."""
    baseline = cost_of_nbgrader(FEW) + (WARM_TO - FEW) * cost_of_one_more()
    return {"baseline": baseline, "ours": cost_of_ours(WARM_TO), "note": f"nbgrader: extended from {MANY} submissions"}


def cost_of_one_more() -> float:
    """Return nbgrader's CPU seconds for each further submission."""
    return (cost_of_nbgrader(MANY) - cost_of_nbgrader(FEW)) / (MANY - FEW)


@functools.cache
def cost_of_nbgrader(count: int) -> float:
    """Return the CPU seconds of ``nbgrader autograde`` for so many submissions."""
    with course(count, "submitted/{}/five/five.ipynb") as folder:
        subprocess.run([BIN / "nbgrader", "generate_assignment", "five", "--force"], cwd=folder, check=True, **quiet())
        timeout = "--ExecutePreprocessor.timeout=600"  # a busy machine is not the students' fault
        return cpu_seconds([BIN / "nbgrader", "autograde", "five", timeout], folder)


@functools.cache
def cost_of_ours(count: int) -> float:
    """Return the CPU seconds of ``mnist-lessons grade`` for so many submissions."""
    with course(count) as folder:
        return cpu_seconds(grade_command(folder, workers=1), folder)


@functools.cache
def measure_thousand() -> dict[str, dict]:
    """Grade a thousand and look at the memory of all processes on the way."""
    with course(1000) as folder:
        records = folder / "grades" / "records"
        start = time.perf_counter()
        process = subprocess.Popen(grade_command(folder, workers=2), cwd=folder, **quiet())
        memory = {}
        while process.poll() is None:
            done = len(list(records.glob("*.json"))) if records.is_dir() else 0
            if done >= 100:
                memory.setdefault("early", resident_megabytes(process.pid))
            if done >= 950:
                memory.setdefault("late", resident_megabytes(process.pid))
            time.sleep(0.2)
        seconds = time.perf_counter() - start
        if process.returncode:
            raise RuntimeError(f"mnist-lessons grade: exit code {process.returncode}")
    return {
        "time": {"ours": seconds, "note": "five questions each"},
        "memory": {"baseline": memory["early"], "ours": memory["late"], "note": "all processes together"},
    }


@contextlib.contextmanager
def course(count: int, name: str = "submitted/{}.ipynb"):
    """Yield a folder with the assignment and so many right submissions."""
    exercises = {exercise.id: exercise for exercise in read_exercises(SOURCE)}
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        build_assignment("five", [exercises[question] for question in QUESTIONS], folder)
        answered = json.loads((folder / "source" / "five" / "five.ipynb").read_text())
        for cell in answered["cells"]:
            if cell["metadata"]["nbgrader"]["grade"]:
                cell["source"] = "# what a student would have here does not matter"
        for number in range(count):
            file = folder / name.format(f"student{number:04}")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(answered))
        yield folder


def grade_command(folder: Path, *, workers: int) -> list:
    """Return the command that grades what `course` made."""
    command = [BIN / "mnist-lessons", "grade", folder / "submitted", "--assignment", folder]
    return [*command, "--out", folder / "grades", "--workers", str(workers)]


def cpu_seconds(command: list, folder: Path) -> float:
    """Run a command; return the CPU seconds of it and of all its descendants."""
    adopt = 36  # PR_SET_CHILD_SUBREAPER: what outlives its parent becomes our child, and its time is counted
    ctypes.CDLL(None).prctl(adopt, 1, 0, 0, 0)
    before = spent()
    subprocess.run(command, cwd=folder, check=True, **quiet())
    with contextlib.suppress(ChildProcessError):
        while True:
            os.wait()
    return spent() - before


def spent() -> float:
    """Return the CPU seconds of all children that were awaited."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def resident_megabytes(pid: int) -> float:
    """Return the memory of a process and its descendants in MB, shared pages divided among them."""
    total = 0
    for process in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]:
        with contextlib.suppress(psutil.Error):
            total += process.memory_full_info().pss
    return total / 1e6


def quiet() -> dict:
    """Return options that keep a command's output away and let it find the environment's programs."""
    path = f"{BIN}:{os.environ['PATH']}"
    return {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": {**os.environ, "PATH": path}}
