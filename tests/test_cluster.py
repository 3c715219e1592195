"""The commands of the page on several machines, which set up a cluster over TLS."""

import csv
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from coursegrader import sandbox
from coursegrader.assignment import build_assignment, make_notebook
from coursegrader.exercises import read_exercises

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "book" / "instructors" / "cluster.md").read_text(encoding="utf-8")


def block(start: str) -> str:
    """Return the code on the page that starts like this."""
    (found,) = re.findall(rf"(?ms)^```\w+\n({re.escape(start)}.*?)^```", PAGE)
    return str(found)


def wait_for(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.05)


def test_page_says_first_who_can_run_code() -> None:
    assert "runs code" in PAGE[: PAGE.index("```")]


@pytest.mark.skipif(sandbox.other_system() is not None, reason="grading needs Linux")
def test_cluster_over_tls_that_loses_a_worker_grades_everyone(tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    (exercise,) = (e for e in read_exercises(ROOT / "grader" / "tests" / "course") if e.id == "predict-top")
    build_assignment("week-1", [exercise], tmp_path / "week-1")
    notebook = make_notebook("week-1", [exercise], with_answers=True)
    answer = next(cell for cell in notebook.cells if cell.metadata["nbgrader"]["grade_id"] == exercise.id)
    answer.source = "import time\ntime.sleep(0.5)\n" + answer.source
    for number in range(6):
        (tmp_path / "in").mkdir(exist_ok=True)
        (tmp_path / "in" / f"student{number}.ipynb").write_text(json.dumps(notebook), encoding="utf-8")

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])

    def here(text: str) -> str:
        return text.replace("/home/me", str(tmp_path)).replace("10.0.0.5", "127.0.0.1").replace("8786", port)

    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    environment["DASK_CONFIG"] = str(tmp_path / "config")
    subprocess.run(["bash", "-ec", here(block("mkdir"))], env=environment, check=True, capture_output=True)
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "tls.yaml").write_text(here(block("distributed:")), encoding="utf-8")
    (scheduler,), (worker,) = (here(block(start)).splitlines() for start in ("dask scheduler", "dask worker"))
    commands = [f"{scheduler} --port {port}", re.sub(r"--nworkers \d+", "--nworkers 2", worker)]
    servers = [subprocess.Popen(c.split(), env=environment, stderr=subprocess.DEVNULL, cwd=tmp_path) for c in commands]
    out = tmp_path / "out"
    arguments = ["grade", "in", "--assignment", "week-1", "--out", "out", "--scheduler", f"tls://127.0.0.1:{port}"]
    arguments += ["--unsafe"] * bool(sandbox.obstacle())
    code = "import sys; from coursegrader.cli import main; sys.exit(main(sys.argv[1:]))"
    grading = subprocess.Popen([sys.executable, "-c", code, *arguments], env=environment, cwd=tmp_path)
    try:
        wait_for(lambda: len(list(out.glob("records/*.json"))) >= 2)
        children = psutil.Process(servers[1].pid).children()
        next(child for child in children if any("spawn_main" in part for part in child.cmdline())).kill()
        assert grading.wait(timeout=120) == 0
    finally:
        for process in (grading, *servers):
            process.terminate()
            process.wait()
    with (out / "grades.csv").open(encoding="utf-8") as stream:
        assert [row["score"] for row in csv.DictReader(stream)] == ["3"] * 6
