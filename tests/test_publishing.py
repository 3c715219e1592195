"""What leaves the repository: wheel, source archive, citation, workflows, a fork's site, the set-up's first words."""

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import nbformat
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def run(*command, **options):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def dist(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT)
    return folder


def test_the_wheel_has_the_data_its_terms_and_nothing_but_the_package(dist):
    (wheel,) = dist.glob("*.whl")
    assert wheel.name == f"mnist_lessons-{PROJECT['version']}-py3-none-any.whl"
    names = zipfile.ZipFile(wheel).namelist()
    assert {"mnist_lessons/stored/mnist.npz", "mnist_lessons/stored/LICENSE-MNIST.md"} <= set(names)
    assert {name.split("/")[0].split("-")[0] for name in names} == {"mnist_lessons"}
    licenses = [name for name in names if "/licenses/" in name]
    assert any(name.endswith("LICENSE") for name in licenses)
    assert any(name.endswith("LICENSE-MNIST.md") for name in licenses)


def test_the_source_archive_builds_the_same_wheel(dist, tmp_path):
    (sdist,) = dist.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (source,) = tmp_path.iterdir()
    run(sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", tmp_path / "again", source)
    (again,), (first,) = (tmp_path / "again").glob("*.whl"), dist.glob("*.whl")
    assert sorted(zipfile.ZipFile(again).namelist()) == sorted(zipfile.ZipFile(first).namelist())


def test_a_derived_notebook_runs_in_an_empty_folder_with_only_the_wheel(dist, tmp_path):
    from nbclient import NotebookClient

    (wheel,) = dist.glob("*.whl")
    uv, python = Path(sys.executable).with_name("uv"), tmp_path / "venv" / "bin" / "python"
    run(uv, "venv", "--quiet", "--python", sys.executable, tmp_path / "venv")
    constraint = ("--constraint", ROOT / "constraints.txt")
    run(uv, "pip", "install", "--quiet", "--python", python, *constraint, wheel, "ipykernel")
    kernel = tmp_path / "jupyter" / "kernels" / "wheel"
    kernel.mkdir(parents=True)
    argv = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (kernel / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "wheel", "language": "python"}))
    (tmp_path / "empty").mkdir()
    notebook = nbformat.read(ROOT / "notebooks" / "data.ipynb", as_version=4)
    cell = "import mnist_lessons; print(mnist_lessons.__file__)"
    notebook.cells.append(nbformat.v4.new_code_cell(cell))
    os.environ["JUPYTER_PATH"] = str(tmp_path / "jupyter")
    try:
        resources = {"metadata": {"path": str(tmp_path / "empty")}}
        NotebookClient(notebook, kernel_name="wheel", timeout=600, resources=resources).execute()
    finally:
        del os.environ["JUPYTER_PATH"]
    assert str(tmp_path / "venv") in notebook.cells[-1].outputs[0].text
    assert list((tmp_path / "empty").iterdir()) == []


def test_the_version_is_one():
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == PROJECT["version"]
    assert re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.M)[1] == PROJECT["version"]


def test_every_dependency_is_pinned_and_no_address_stands_beside_it():
    pins = (ROOT / "constraints.txt").read_text()
    assert "://" not in pins
    assert all(re.match(r"[\w.-]+==[\w.]+( ; .*)?$", line) for line in pins.splitlines())
    named = [*PROJECT["dependencies"], *(name for extra in PROJECT["optional-dependencies"].values() for name in extra)]
    for name in {re.match(r"[\w-]+", line)[0] for line in named} - {"mnist-lessons"}:
        assert re.search(rf"^{name}==", pins, re.M | re.I), name


def test_binder_lists_nothing_that_the_project_does_not():
    lines = [line for line in (ROOT / ".binder/requirements.txt").read_text().splitlines() if line[:1] not in {"#", ""}]
    assert lines == ["--constraint ../constraints.txt", ".[binder]"]
    postbuild = ROOT / ".binder" / "postBuild"
    assert os.access(postbuild, os.X_OK)


def test_binder_s_image_is_built_from_these_files(tmp_path):
    """What repo2docker would do, as it prints it; no container engine is asked."""
    shutil.copytree(ROOT / ".binder", tmp_path / ".binder")
    tool = Path(sys.executable).with_name("jupyter-repo2docker")
    done = subprocess.run([str(tool), "--no-build", "--debug", str(tmp_path)], capture_output=True, text=True)
    recipe = done.stdout + done.stderr
    assert done.returncode == 0, recipe
    assert "FROM" in recipe
    assert re.search(r'pip install .*-r ".binder/requirements.txt"', recipe)
    assert "postBuild" in recipe
    # The project's files are in the image before pip reads them.
    copied = re.search(r"^COPY --chown=\d+:\d+ src/ \$\{REPO_DIR\}/$", recipe, re.M)
    assert copied.end() < recipe.index('-r ".binder/requirements.txt"')


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_workflows_pin_actions_and_run_what_a_person_runs(file):
    text = file.read_text()
    workflow = yaml.safe_load(text)
    assert workflow["permissions"] == {"contents": "read"}
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    assert set(re.findall(r"make ([a-z]+)", "\n".join(re.findall(r"run: (make .*)", text)))) <= targets
    for action in re.findall(r"uses: (\S+)", text):
        assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", action), action


def test_there_is_a_workflow_for_each_occasion():
    assert [file.stem for file in WORKFLOWS] == ["check", "publish", "weekly"]


@pytest.mark.parametrize("version", [(3, 10), (3, 14)])
def test_another_python_is_refused_in_one_sentence_before_anything_is_fetched(tmp_path, version):
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    fake = tmp_path / "python"
    code = f"import sys; sys.version_info = {(*version, 0)}; exec(sys.argv[1])"
    fake.write_text(f'#!/bin/sh\n[ "$1" = -c ] || exit 1\nexec {sys.executable} -c \'{code}\' "$2"\n')
    fake.chmod(0o755)
    done = subprocess.run(["make", "book", f"PYTHON={fake}"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode
    first, *rest = done.stderr.strip().splitlines()
    assert first.startswith("This book needs Python 3.11, 3.12 or 3.13 and ")
    assert f"is {version[0]}.{version[1]}." in first
    # Under `make test` this make is not the first one, and says so with a number.
    assert all(re.match(r"make(\[\d+\])?: \*\*\*", line) for line in rest)
    assert not (tmp_path / ".venv").exists()


def test_a_fork_leaves_no_trace_of_the_old_address(tmp_path):
    """The site of a fork, which changed the one line, is built from the outputs that are there."""
    skip = shutil.ignore_patterns(".git", ".venv", "_build", "notebooks", "node_modules", "__pycache__", ".*_cache")
    fork = tmp_path / "fork"
    shutil.copytree(ROOT, fork, ignore=skip)
    config = fork / "_config.yml"
    old = yaml.safe_load(config.read_text())["repository"]["url"]
    config.write_text(config.read_text().replace(old, "https://github.com/someone/their-book"))
    (fork / "_build").mkdir()
    for name in ("executed", "models"):
        shutil.copytree(ROOT / "_build" / name, fork / "_build" / name)
    (fork / "web" / "node_modules").symlink_to(ROOT / "web" / "node_modules")
    python = ROOT / ".venv" / "book" / "bin" / "python"
    said = run(python, fork / "book/_ext/build.py", env=os.environ | {"PYTHONPATH": str(fork)})
    assert "are up to date" in said.splitlines()[0]
    owner, name = old.split("/")[-2:]
    traces = [f"{owner}/{name}", f"{owner}.github.io"]
    files = [
        file for file in (fork / "_build" / "html").rglob("*") if file.suffix in {".html", ".ipynb", ".xml", ".js"}
    ]
    assert len(files) > 20
    found = [file.name for file in files if any(trace in file.read_text() for trace in traces)]
    assert found == []
    assert "https://someone.github.io/their-book/" in (fork / "_build" / "html" / "sitemap.xml").read_text()
