"""What leaves the repository: wheel, source archive, citation, workflows, a fork's site."""

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import nbformat
import pytest
import yaml

import addresses
import downloads
import layout

ROOT = Path(__file__).resolve().parents[1]
FILES = [ROOT / "pyproject.toml", ROOT / "grader" / "pyproject.toml"]
PROJECT, GRADER = (tomllib.loads(file.read_text(encoding="utf-8"))["project"] for file in FILES)
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PUBLISH = yaml.safe_load((ROOT / ".github" / "workflows" / "publish.yml").read_text(encoding="utf-8"))
SET_UP = ROOT / ".github" / "actions" / "set-up" / "action.yml"
OWN = addresses.read().repository.removeprefix("https://github.com/")
BRANCH = addresses.read().branch
TAG = f"v{PROJECT['version']}"


def run(*command: Any, **options: Any) -> str:
    done: subprocess.CompletedProcess[str] = subprocess.run(
        list(map(str, command)), capture_output=True, encoding="utf-8", **options
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT)
    return folder


def test_wheel_holds_the_package_its_data_and_licenses_only(dist: Path) -> None:
    (wheel,) = dist.glob("*.whl")
    assert wheel.name == f"mnist_lessons-{PROJECT['version']}-py3-none-any.whl"
    names = zipfile.ZipFile(wheel).namelist()
    assert {"mnist_lessons/stored/mnist.npz", "mnist_lessons/stored/LICENSE-MNIST.md"} <= set(names)
    assert {name.split("/")[0].split("-")[0] for name in names} == {"mnist_lessons"}
    licenses = [name for name in names if "/licenses/" in name]
    assert any(name.endswith("LICENSE") for name in licenses)
    for data in ("MNIST", "UCI"):
        assert any(name.endswith(f"LICENSE-{data}.md") for name in licenses)


def test_source_archive_builds_the_same_wheel(dist: Path, tmp_path: Path) -> None:
    (sdist,) = dist.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (source,) = tmp_path.iterdir()
    run(sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", tmp_path / "again", source)
    (again,), (first,) = (tmp_path / "again").glob("*.whl"), dist.glob("*.whl")
    assert sorted(zipfile.ZipFile(again).namelist()) == sorted(zipfile.ZipFile(first).namelist())


@pytest.mark.weekly
def test_derived_notebook_runs_in_an_empty_folder_with_only_the_wheel(dist: Path, tmp_path: Path) -> None:
    from nbclient import NotebookClient

    (wheel,) = dist.glob("*.whl")
    uv, python = Path(sys.executable).with_name("uv"), tmp_path / "venv" / "bin" / "python"
    run(uv, "venv", "--quiet", "--python", sys.executable, tmp_path / "venv")
    constraint = ("--constraint", ROOT / "constraints.txt")
    run(uv, "pip", "install", "--quiet", "--python", python, *constraint, wheel, "ipykernel")
    kernel = tmp_path / "jupyter" / "kernels" / "wheel"
    kernel.mkdir(parents=True)
    argv = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (kernel / "kernel.json").write_text(
        json.dumps({"argv": argv, "display_name": "wheel", "language": "python"}), encoding="utf-8"
    )
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


# Workflows -------------------------------------------------------------------------------------------------------


def steps(job: Any) -> list[Any]:
    """Return the commands of a job of the publish workflow."""
    return [step["run"] for step in PUBLISH["jobs"][job]["steps"] if "run" in step]


def test_branch_of_notebooks_is_the_folder_and_keeps_earlier_wheels(tmp_path: Path) -> None:
    """The workflow's own commands, with a repository on this machine in place of GitHub's."""
    build, remote = tmp_path / "build", tmp_path / "remote"
    notebooks = build / "notebooks"
    for name in ("train.ipynb", "exercises/train.ipynb", ".binder/postBuild", "package-1.whl"):
        (notebooks / name).parent.mkdir(parents=True, exist_ok=True)
        (notebooks / name).write_text(name, encoding="utf-8")
    (notebooks / ".binder" / "postBuild").chmod(0o755)
    run("git", "init", "--quiet", "--bare", remote)
    environment = os.environ | {
        "GH_TOKEN": "token",
        "GITHUB_REPOSITORY": "SomeOne/Their-Book",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{remote}.insteadOf",
        "GIT_CONFIG_VALUE_0": "https://x-access-token:token@github.com/SomeOne/Their-Book.git",
    }
    (pack,) = [command for command in steps("build") if command.startswith("tar ")]
    (push,) = [command for command in steps("notebooks") if "git push" in command]
    for runner in (tmp_path / "first", tmp_path / "second"):
        runner.mkdir()
        if runner.name == "second":  # the branch is there, and the book has another version and a chapter less
            (notebooks / "package-1.whl").rename(notebooks / "package-2.whl")
            (notebooks / "train.ipynb").unlink()
        run("bash", "-ec", pack, cwd=build)
        shutil.copy(build / "notebooks.tar", runner)
        run("bash", "-ec", push, cwd=runner, env=environment | {"GITHUB_SHA": runner.name})
    listed = run("git", "ls-tree", "-r", addresses.NOTEBOOK_BRANCH, cwd=remote)
    assert {line.split()[-1]: line.split()[0] for line in listed.splitlines()} == {
        ".binder/postBuild": "100755",
        "exercises/train.ipynb": "100644",
        "package-1.whl": "100644",
        "package-2.whl": "100644",
    }
    # nbgitpuller merges the second commit into what a learner has of the first.
    assert run("git", "log", "--format=%s", addresses.NOTEBOOK_BRANCH, cwd=remote).splitlines() == [
        "Notebooks of second",
        "Notebooks of first",
    ]


@pytest.mark.parametrize("place", [(OWN, BRANCH, ""), (OWN.upper(), BRANCH, TAG)])
def test_publishing_continues_in_the_configured_repository(place: Any) -> None:
    assert checked(*place).returncode == 0


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        (
            ("SomeOne/Their-Book", BRANCH, ""),
            r"_config.yml: repository.url names .*/SomeOne/Their-Book: change the line",
        ),
        ((OWN, "trunk", ""), r"_config.yml: repository.branch is '.*', but the default branch .* is 'trunk': change"),
        ((OWN, BRANCH, "v0.0.1"), rf"the tag is v0.0.1, but the version in pyproject.toml is .* the tag {TAG}: delete"),
    ],
)
def test_publishing_elsewhere_or_with_another_tag_ends_with_one_sentence(place: Any, sentence: str) -> None:
    done = checked(*place)
    assert done.returncode == 1
    assert re.match(f"addresses: {sentence}", done.stderr), done.stderr
    assert len(done.stderr.splitlines()) == 1


def checked(repository: Any, branch: Any, tag: Any) -> subprocess.CompletedProcess[str]:
    """Run the workflow's step that compares its place with the configuration."""
    (command,) = [command for command in steps("build") if "addresses.py" in command]
    command = command.replace(".venv/book/bin/python", sys.executable)
    environment = os.environ | {"GITHUB_REPOSITORY": repository, "BRANCH": branch, "TAG": tag}
    return subprocess.run(["bash", "-ec", command], cwd=ROOT, env=environment, capture_output=True, encoding="utf-8")


# A fork ----------------------------------------------------------------------------------------------------------


def configured(folder: Path, url: str, branch: str = "master", domain: str = "") -> Path:
    """Write into a folder the configuration of the book with a fork's lines; return the file."""
    text = (ROOT / "_config.yml").read_text(encoding="utf-8")
    for name, value in (("  url", url), ("  branch", branch), ("  baseurl", domain)):
        text, count = re.subn(rf"^{name}:.*$", f"{name}: {value}", text, flags=re.M)
        assert count == 1, name
    file = folder / "_config.yml"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("url", "domain", "repository", "site"),
    [
        ("SomeOne/Their-Book", "", "SomeOne/Their-Book", "https://someone.github.io/Their-Book/"),
        ("SomeOne/Their-Book.git", "", "SomeOne/Their-Book", "https://someone.github.io/Their-Book/"),
        ("SomeOne/book.git/", "", "SomeOne/book", "https://someone.github.io/book/"),
        ("some-one/a.b_c/", "", "some-one/a.b_c", "https://some-one.github.io/a.b_c/"),
        ("SomeOne/SomeOne.github.io", "", "SomeOne/SomeOne.github.io", "https://someone.github.io/"),
        ("SomeOne/book", "https://book.example.org", "SomeOne/book", "https://book.example.org/"),
        ("SomeOne/book", "https://example.org/a/book/", "SomeOne/book", "https://example.org/a/book/"),
    ],
)
def test_all_addresses_of_a_fork_follow_from_its_configuration(
    tmp_path: Path, url: str, domain: str, repository: str, site: str
) -> None:
    here = addresses.read(configured(tmp_path, f"https://github.com/{url}", domain=domain))
    assert here == (f"https://github.com/{repository}", "master", site)
    assert here.page("book/train.md") == here.page("book/train") == f"{site}book/train.html"
    assert here.page("book/train", "fig-a") == f"{site}book/train.html#fig-a"
    assert here.raw("package.whl") == f"https://github.com/{repository}/raw/notebooks/package.whl"
    assert launched(here, "book/exercises/train") == {
        "Binder": f"https://mybinder.org/v2/gh/{repository}/notebooks?urlpath=lab/tree/exercises/train.ipynb",
        "Colab": f"https://colab.research.google.com/github/{repository}/blob/notebooks/exercises/train.ipynb",
        "Kaggle": "https://kaggle.com/kernels/welcome?src=https://github.com/"
        f"{repository}/blob/notebooks/exercises/train.ipynb",
        "Codespaces": f"https://codespaces.new/{repository}/tree/notebooks?quickstart=1",
    }
    assert parse_qs(urlsplit(here.jupyterhub("exercises/train.ipynb")).query) == {
        "repo": [f"https://github.com/{repository}"],
        "branch": ["notebooks"],
        "urlpath": [f"lab/tree/{repository.partition('/')[2]}/exercises/train.ipynb"],
    }


def launched(here: addresses.Addresses, page: str) -> dict[str, str]:
    """Return the links by which services open a page's notebook, by their text."""
    return {link["text"]: link["address"] for link in layout.launch_links(here, addresses.notebook(page))}


URL_SENTENCE = "repository.url is {!r}; expected https://github.com/OWNER/NAME, "


@pytest.mark.parametrize(
    "url",
    [
        "https://gitlab.com/group/book",
        "https://gitlab.com/group/subgroup/book.git",
        "git@github.com:someone/book.git",
        "ssh://git@github.com/someone/book",
        "https://codeberg.org/someone/book",
        "https://github.com/book",
        "https://github.com/someone/",
        "https://github.com/someone/.git",
        "https://github.com/someone/book/tree/main",
        "https://github.com/some one/book",
        "https://notgithub.com/someone/book",
        "someone/book",
        "",
    ],
)
def test_repository_that_cannot_publish_is_refused_in_one_sentence(tmp_path: Path, url: str) -> None:
    sentence = URL_SENTENCE.format(url or None)
    with pytest.raises(addresses.AddressError, match=re.escape(f"_config.yml: {sentence}")) as raised:
        addresses.read(configured(tmp_path, url))
    assert str(raised.value).endswith("change the line `url:` under `repository:`")


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ({"branch": "notebooks"}, ": repository.branch is 'notebooks'; expected the default branch"),
        ({"branch": ""}, ": repository.branch is None; expected"),
        ({"branch": "2026"}, ": repository.branch is 2026; expected"),
        ({"branch": "a branch"}, ": repository.branch is 'a branch'; expected"),
        ({"domain": "book.example.org"}, ": html.baseurl is 'book.example.org'; expected the address of a custom"),
        ({"domain": "https://example.org/a book"}, ": html.baseurl is 'https://example.org/a book'; expected"),
        ({"branch": "[main"}, " is not valid YAML: "),
    ],
)
def test_invalid_branch_or_domain_is_refused(tmp_path: Path, entry: dict[str, str], sentence: str) -> None:
    with pytest.raises(addresses.AddressError, match=re.escape(f"_config.yml{sentence}")) as raised:
        addresses.read(configured(tmp_path, "https://github.com/someone/book", **entry))
    assert len(str(raised.value).splitlines()) == 1


@pytest.fixture(scope="module")
def fork(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources, without anything that was built."""
    skip = shutil.ignore_patterns(".git", ".venv", "_build", "notebooks", "node_modules", "__pycache__", ".*_cache")
    folder = tmp_path_factory.mktemp("fork") / "fork"
    shutil.copytree(ROOT, folder, ignore=skip)
    return folder


def build(fork: Path) -> subprocess.CompletedProcess[str]:
    """Build the site of a fork with the environment that is there."""
    command = [sys.executable, str(fork / "web/sphinx/build.py")]
    return subprocess.run(command, env=os.environ | {"PYTHONPATH": str(fork)}, capture_output=True, encoding="utf-8")


@pytest.mark.parametrize("url", ["https://gitlab.com/group/book", "https://gitlab.com/group/subgroup/book"])
def test_fork_on_gitlab_is_refused_before_anything_is_executed(fork: Path, url: str) -> None:
    configured(fork, url)
    done = build(fork)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith(f"build: _config.yml: {URL_SENTENCE.format(url)}")
    assert len(done.stderr.splitlines()) == 1
    assert not (fork / "_build").exists()


@pytest.mark.weekly
def test_links_of_a_fork_lead_into_the_fork(fork: Path, measure: Callable[[Path], None]) -> None:
    """Built from the outputs that are there, with every form at once that could get into a link."""
    measure(fork)
    configured(fork, "https://github.com/SomeOne/Their-Book.git/", domain="https://Book.Example.org/here")
    for name in ("executed", "models"):
        shutil.copytree(ROOT / "_build" / name, fork / "_build" / name)
    (fork / "web" / "node_modules").symlink_to(ROOT / "web" / "node_modules")
    done = build(fork)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "are up to date" in done.stdout.splitlines()[0]

    here = addresses.read(fork / "_config.yml")
    site = fork / "_build" / "html"
    texts = {
        file: file.read_text(encoding="utf-8")
        for file in site.rglob("*")
        if file.suffix in {".html", ".ipynb", ".xml", ".js"}
    }
    html = {file.relative_to(site).as_posix() for file in texts if file.suffix == ".html"}
    old = [addresses.read().site, *(f"{host}/{OWN}" for host in ("github.com", "github", "gh"))]
    assert [file.name for file, text in texts.items() if any(address in text for address in old)] == []
    # Every address of the fork, wherever it stands, is one of these.
    known = {here.repository, here.site, *(here.site + name for name in html)}
    report = f"{here.repository}/issues/new?template=page.yml&amp;page="
    known |= {report + quote(here.site + name) for name in html}
    known |= {f"{here.site}{name}" for name in ("changes.xml", *(file.name for file in downloads.FILES))}
    known |= {here.site + file.relative_to(site).as_posix() for file in site.glob("_static/cards/*")}
    known |= {f"{here.repository}/edit/master/{name.removesuffix('.html')}.md" for name in html}
    known |= {address for name in html for address in launched(here, name.removesuffix(".html")).values()}
    known |= {here.binder(addresses.VERIFY), here.colab(addresses.VERIFY), f"{here.site}verify.json"}
    known |= {here.raw(f"mnist_lessons-{PROJECT['version']}-py3-none-any.whl")}
    found = {
        (address.partition("#")[0], file.suffix)
        for file, text in texts.items()
        for address in re.findall(r"https?://[^\s\"'<>()\\\[\]]+", text)
        if re.search(r"someone|their-book|book\.example", address, re.IGNORECASE)
    }
    assert sorted(address for address, _ in found if address not in known) == []
    assert {suffix for _, suffix in found} >= {".html", ".ipynb", ".xml"}
    for file, text in texts.items():
        name = file.relative_to(site).as_posix()
        if name.startswith("book/") and file.suffix == ".html":
            assert f'<link rel="canonical" href="{here.site}{name}">' in text, name
            if name.endswith(".slides.html"):  # no page of its own: neither shared nor edited
                continue
            assert f'<meta property="og:url" content="{here.site}{name}">' in text, name
            assert f'href="{here.repository}/edit/master/{name.removesuffix(".html")}.md"' in text, name
    chapter = (site / "book" / "train.html").read_text(encoding="utf-8")
    ways = launched(here, "book/train").items()
    assert all(f'"{address}"><strong>{text}</strong>' in chapter for text, address in ways)
    assert 'data-path="hub/user-redirect/git-pull?repo=https%3A%2F%2Fgithub.com%2FSomeOne%2FTheir-Book&amp;' in chapter
    assert f"<loc>{here.site}book/train.html</loc>" in (site / "sitemap.xml").read_text(encoding="utf-8")
    assert f'<base href="{urlsplit(here.site).path}">' in (site / "404.html").read_text(encoding="utf-8")
