"""What a chapter takes on Binder: JupyterLab and one kernel on one core, the notebook opened in a browser and run.

The folder `notebooks/` is taken as the branch that Binder would fetch: its `.binder/` says what is installed and done.
"""

import contextlib
import functools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import browser
from bench import Figures, Row
from experiments.runner import ROOT, measure

BRANCH = ROOT / "notebooks"
ENVIRONMENT = ROOT / ".venv" / "binder"
CHAPTERS = ("train", "evaluate", "relu-vs-sigmoid", "cnn", "autoencoder", "train-fast")
SECONDS_TO_START = 120


def rows() -> list[Row]:
    """Return the memory and the time of the chapters that take most."""
    found = []
    for name in CHAPTERS:
        found.append(
            Row(f"{name}: server and kernel", "MB", "ours <= 1200", functools.partial(figure, name, "megabytes"))
        )
        found.append(Row(f"{name}: run all cells", "s", "", functools.partial(figure, name, "seconds")))
    return found


def figure(name: str, what: str) -> Figures:
    """Return one figure of a chapter's session."""
    # The server and its kernels have one core, the browser has all.
    run = measure(session, name, files=[BRANCH], environment="dev", one_core=False)
    return {"ours": run.result[what], "note": "summed PSS, sampled; one core; models stored"}


@functools.cache
def install() -> None:
    """Make the environment that Binder makes of the branch, and check that its packages go together."""
    if not (BRANCH / ".binder").is_dir():
        raise FileNotFoundError("notebooks/.binder is not there; make it with: make notebooks")
    uv = Path(sys.executable).with_name("uv")
    packages = ("pip", "install", "--quiet", "--requirement", ".binder/requirements.txt")
    for command in (
        ("venv", "--quiet", "--clear", "--python", sys.executable, ENVIRONMENT),
        (*packages, "--python", ENVIRONMENT),
        ("pip", "check", "--quiet", "--python", ENVIRONMENT),
    ):
        subprocess.run([uv, *command], cwd=BRANCH, check=True)


@functools.cache
def session(name: str, screenshots: Path | None = None) -> dict[str, Any]:
    """Open a notebook of the branch as a launch button does, run it, and return what was seen and what it took.

    Parameters
    ----------
    name
        The notebook, as ``train`` or ``exercises/train``.
    screenshots
        A folder for pictures of the whole notebook in both themes.

    Returns
    -------
    session
        ``cells`` (each with ``count``, ``kinds``, ``streams``), ``before`` and ``light`` and ``dark`` (what was seen
        before the run, and after it in each theme: see `open_chapter.mjs`), ``seconds``, ``megabytes`` (peak of the
        summed proportional set sizes of the server and all its children), ``title``.
    """
    found = browser.find()
    if found is None:
        raise FileNotFoundError(browser.NONE)
    install()
    with tempfile.TemporaryDirectory() as folder, server(Path(folder)) as (address, process):
        peak = [0.0]
        done = threading.Event()
        watch = threading.Thread(target=_watch, args=(process.pid, peak, done))
        watch.start()
        try:
            node = ROOT / ".venv" / "dev" / "bin" / "node"
            command = [node, ROOT / "bench" / "open_chapter.mjs", address.format(f"lab/tree/{name}.ipynb"), found]
            command += [screenshots] if screenshots else []
            said = subprocess.run(list(map(str, command)), capture_output=True, encoding="utf-8", timeout=1200)
        finally:
            done.set()
            watch.join()
        if said.returncode:
            raise RuntimeError(f"{name}: {said.stderr}")
    seen: dict[str, Any] = json.loads(said.stdout)
    return seen | {"megabytes": peak[0] / 1e3}


@contextlib.contextmanager
def server(home: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Start JupyterLab as Binder does after postBuild, on loopback and one core; give its address with a gap."""
    shutil.copytree(BRANCH, home / "work")
    store = os.environ.get("MNIST_LESSONS_STORE") or str(ROOT / "_build" / "models")
    environment = {
        "HOME": str(home),
        "PATH": f"{ENVIRONMENT / 'bin'}:{os.environ['PATH']}",
        "MNIST_LESSONS_STORE": store,
        "JUPYTER_CONFIG_DIR": str(home / ".jupyter"),
    }
    subprocess.run(
        [home / "work/.binder/postBuild"], env=environment, cwd=home / "work", check=True, capture_output=True
    )
    # All cells are in the page, not only those that the window shows.
    settings = home / ".jupyter" / "lab" / "user-settings" / "@jupyterlab" / "notebook-extension"
    settings.mkdir(parents=True)
    (settings / "tracker.jupyterlab-settings").write_text('{"windowingMode": "none"}', encoding="utf-8")
    options = ["--no-browser", "--allow-root", "--ip=127.0.0.1", "--port=0", "--LabApp.expose_app_in_browser=True"]
    log = home / "log"
    with log.open("w", encoding="utf-8") as out:
        process = subprocess.Popen(
            [str(ENVIRONMENT / "bin" / "jupyter"), "lab", *options, f"--ServerApp.root_dir={home / 'work'}"],
            env=environment,
            cwd=home / "work",
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(process.pid, {min(os.sched_getaffinity(0))})
    try:
        for _ in range(SECONDS_TO_START):
            found = re.search(r"(http://127\.0\.0\.1:\d+)/lab\?token=(\w+)", log.read_text(encoding="utf-8"))
            if found:
                break
            time.sleep(1)
        else:
            raise TimeoutError(f"JupyterLab did not start in {SECONDS_TO_START} s:\n{log.read_text(encoding='utf-8')}")
        yield f"{found[1]}/{{}}?token={found[2]}", process
    finally:
        process.terminate()
        process.wait(timeout=60)


def _watch(root: int, peak: list[float], done: threading.Event) -> None:
    """Keep the largest sum of proportional set sizes, in kB, of a process and its descendants."""
    while not done.wait(0.5):
        peak[0] = max(peak[0], sum(map(_pss, _family(root))))


def _family(root: int) -> Iterator[int]:
    yield root
    for task in Path(f"/proc/{root}/task").glob("*"):
        with contextlib.suppress(OSError):
            for child in (task / "children").read_text(encoding="utf-8").split():
                yield from _family(int(child))


def _pss(process: int) -> float:
    with contextlib.suppress(OSError):
        found = re.search(r"^Pss:\s+(\d+) kB", Path(f"/proc/{process}/smaps_rollup").read_text(encoding="utf-8"), re.M)
        return float(found[1]) if found else 0.0
    return 0.0
