"""The widgets: training and prediction in the page's own arithmetic, and what a page must load."""

import functools
import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from bench import Figures, Row
from experiments.runner import ROOT, measure

NODE = Path(sys.executable).with_name("node")
SCRIPT = Path(__file__).with_suffix(".mjs")
BUILT = ROOT / "_build" / "widgets"


def rows() -> list[Row]:
    """Return the table's rows; they need the widgets that `make book` builds."""
    return [
        Row(
            "training 784-50-50-10 with ReLU in the page",
            "images per CPU s",
            "ours >= 12000",
            lambda: {"ours": measured("training")["ours"]},
        ),
        # The unit is a time, so that more than 1 is better here as in the other tables.
        Row("the same, against TensorFlow.js, CPU backend", "CPU µs an image", "ratio >= 4", per_example),
        Row("prediction by all three, with preparation", "CPU ms", "ours <= 5", lambda: measured("prediction")),
        *[
            Row(f"script of {file.stem}", "KB, gzipped", "ours <= 15", functools.partial(size, file))
            for file in sorted(BUILT.glob("*.js"))
            if not file.name.endswith(".data.js")
        ],
        Row("draw-digit with its first model", "KB, gzipped", "ours <= 250", lambda: size(*drawing("dense"))),
        Row(
            "draw-digit with all three models",
            "KB, gzipped",
            "ours <= 350",
            lambda: size(*drawing("dense", "sigmoid", "cnn")),
        ),
        Row("the race's data", "KB, gzipped", "ours <= 850", lambda: size(BUILT / "race.data.js")),
    ]


def per_example() -> Figures:
    """Turn both speeds into CPU time for one example."""
    speeds = measured("training")
    return {"ours": 1e6 / speeds["ours"], "baseline": 1e6 / speeds["baseline"], "note": speeds["note"]}


def measured(what: str) -> Any:
    """Train the same network by both in turn, or predict by all three; return the medians."""
    web = ROOT / "web"
    files = [SCRIPT, *BUILT.glob("*.data.js"), web / "widgets" / "arithmetic", web / "package-lock.json"]
    return measure(run_script, what, files=files, environment="dev").result


def run_script(what: str) -> Any:
    """Run the JavaScript part of this file."""
    done = subprocess.run([NODE, SCRIPT, what, BUILT], capture_output=True, encoding="utf-8", check=True)
    return json.loads(done.stdout)


def drawing(*models: str) -> list[Path]:
    """List what the drawing widget loads with these models."""
    return [BUILT / "draw-digit.js", BUILT / "widgets.css", *(BUILT / f"model-{name}.data.js" for name in models)]


def size(*files: Path) -> Figures:
    """Add up what files weigh on their way to the reader."""
    return {"ours": sum(len(gzip.compress(file.read_bytes(), mtime=0)) for file in files) / 1000}
