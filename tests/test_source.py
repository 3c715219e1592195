"""Identifiers of sources are those that Git gives to the same tree."""

import os
import subprocess
from pathlib import Path

import pytest

from mnist_lessons.source import identify, package_swhid


def git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main"]
    return subprocess.run(
        ["git", *who, *arguments], cwd=folder, capture_output=True, encoding="utf-8", check=True
    ).stdout.strip()


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone with what Git sorts and hashes in ways of its own."""
    files = {"a.b": "1", "a/x": "2", "a-b": "3", "a0": "", "ä/ö": "4", "run": "5", "out/y": "6", "a/out/z": "7"}
    for name, text in {**files, "deep/build/n": "8", ".gitignore": "/out/\nbuild/\n*.pyc\n", "c.pyc": "9"}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "run").chmod(0o755)
    os.symlink("a/x", tmp_path / "link")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--quiet", "--message", "all")
    return tmp_path


def test_clean_checkout_has_git_s_own_tree_and_commit(clone: Path) -> None:
    tree, commit = git(clone, "rev-parse", "HEAD^{tree}"), git(clone, "rev-parse", "HEAD")
    assert identify(clone) == (f"swh:1:dir:{tree}", commit, False)


def test_uncommitted_change_is_said_and_identified(clone: Path) -> None:
    (clone / "a.b").write_text("other", encoding="utf-8")
    (clone / "new").touch()
    (clone / "a0").unlink()
    source = identify(clone)
    git(clone, "add", "--all")
    assert source.changed
    assert source.swhid == f"swh:1:dir:{git(clone, 'write-tree')}"


def test_sources_without_git_have_the_same_identifier(clone: Path) -> None:
    swhid = identify(clone).swhid
    (clone / ".git").rename(clone.parent / f"{clone.name}.git")
    assert identify(clone) == (swhid, "", False)


def test_caches_of_python_do_not_count_as_a_package(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text("", encoding="utf-8")
    before = package_swhid(tmp_path)
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "m.pyc").touch()
    (tmp_path / "verify.json").touch()
    assert package_swhid(tmp_path, ["verify.json"]) == before != package_swhid(tmp_path)
