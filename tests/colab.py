"""Run the derived notebooks as on Colab: its versions, an empty folder, the package only from the first cell.

    python tests/colab.py              all of notebooks/
    python tests/colab.py train cnn    these

`make colab` prepares what this needs: notebooks/, and an environment with the versions of tests/colab.txt.
"""

import http.server
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from functools import partial
from pathlib import Path

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "web" / "sphinx"))

from execute import SECONDS_A_CELL, WAIT_FOR_STDERR  # noqa: E402

NOTEBOOKS = ROOT / "notebooks"
PYTHON = ROOT / ".venv" / "colab" / "bin" / "python"
PEAK_MB = "import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1000)"


class WheelServer(http.server.SimpleHTTPRequestHandler):
    """Serve the wheel that stands beside the notebooks, in place of the address that the first cell names."""

    def log_message(self, *_: object) -> None:
        """Say nothing of a request."""


def main(names: list[str]) -> None:
    """Run notebooks one after another; end with an error if one fails or writes to stderr."""
    files = [NOTEBOOKS / f"{name}.ipynb" for name in names] or sorted(NOTEBOOKS.rglob("*.ipynb"))
    missing = [str(file.relative_to(ROOT)) for file in files if not file.is_file()]
    if missing or not files:
        sys.exit(f"colab: there is no {', '.join(missing) or 'notebook in notebooks/'}; run make notebooks first")
    warn_of_another_python()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(WheelServer, directory=NOTEBOOKS))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"  {'notebook':<28}{'seconds':>10}{'peak MB':>10}", flush=True)
    failed = []
    for file in files:
        name = file.relative_to(NOTEBOOKS).with_suffix("").as_posix()
        start = time.perf_counter()
        peak, trouble = run(file, f"http://127.0.0.1:{server.server_port}")
        line = f"  {name:<28}{time.perf_counter() - start:>10.1f}{peak:>10}"
        print(f"{line}  FAILED\n{trouble}" if trouble else line, flush=True)
        if trouble:
            failed.append(name)
    if failed:
        sys.exit(f"colab: failed: {', '.join(failed)}")


def warn_of_another_python() -> None:
    """Say so if the environment's Python is not the one that Colab has."""
    (colab,) = re.findall(r"\A# Python (.+)", (ROOT / "tests" / "colab.txt").read_text(encoding="utf-8"))
    code = "import sys; print('{}.{}'.format(*sys.version_info))"
    here = subprocess.check_output([PYTHON, "-c", code], encoding="utf-8").strip()
    if here != colab:
        print(f"Colab has Python {colab}, this is {here}: install python{colab}, remove .venv/colab and run make colab")


def run(file: Path, address: str) -> tuple[str, str]:
    """Run one notebook; return its peak memory in MB and the first thing that a learner should not see, if any."""
    notebook = nbformat.read(file, as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for cell in cells:
        cell.source = re.sub(r"https?://\S*/(\S+\.whl)", rf"{address}/\1", cell.source)
    notebook.cells.append(peak := nbformat.v4.new_code_cell(PEAK_MB))
    with tempfile.TemporaryDirectory() as folder:
        os.environ["JUPYTER_PATH"] = folder  # where the client finds the kernel
        work = fresh_machine(Path(folder))
        client = NotebookClient(
            notebook,
            kernel_name="colab",
            timeout=SECONDS_A_CELL,
            allow_errors=True,  # an exercise says that its answer is missing
            resources={"metadata": {"path": work}},
        )
        try:
            client.execute(env=environment(Path(folder)), stderr=subprocess.DEVNULL)
        except Exception as error:  # a cell that never ends, a kernel that dies
            return "-", f"{type(error).__name__}: {error}"
    return peak.outputs[0].text.strip(), unwanted(cells)


def unwanted(cells: list[nbformat.NotebookNode]) -> str:
    """Return the first thing that cells wrote to stderr, or their first error; an exercise may lack its answer."""
    forgiven = {"NotImplementedError"}
    for cell in cells:
        for output in cell.outputs:
            if output.output_type == "stream" and output.name == "stderr":
                return f"Written to stderr:\n{output.text.rstrip()}\n\nThe cell:\n{cell.source}"
            if output.output_type == "error" and output.ename not in forgiven:
                return re.sub(r"\x1b\[[0-9;]*m", "", "\n".join([*output.traceback, "", "The cell:", cell.source]))
            if output.output_type == "error":
                forgiven.add("NameError")  # the tests below look for what the answer would have named
    return ""


def fresh_machine(folder: Path) -> str:
    """Lay out a folder with Colab's kernel, nothing installed by pip and nothing stored; return where to work."""
    for name in ("work", "packages", "home", "kernels/colab", "ipython/profile_default/startup"):
        (folder / name).mkdir(parents=True)
    kernel = {"argv": [str(PYTHON), "-m", "ipykernel_launcher", "-f", "{connection_file}"], "display_name": "Colab"}
    (folder / "kernels" / "colab" / "kernel.json").write_text(json.dumps(kernel), encoding="utf-8")
    (folder / "ipython" / "profile_default" / "startup" / "stderr.py").write_text(WAIT_FOR_STDERR, encoding="utf-8")
    return str(folder / "work")


def environment(folder: Path) -> dict[str, str]:
    """Return the kernel's environment variables: what pip installs and the package stores goes to the folder."""
    settings = {
        "HOME": "home",
        "IPYTHONDIR": "ipython",
        "MNIST_LESSONS_STORE": "home/models",
        "PIP_TARGET": "packages",
        "PYTHONPATH": "packages",
    }
    return os.environ | {name: str(folder / path) for name, path in settings.items()}


if __name__ == "__main__":
    main(sys.argv[1:])
