"""Grade a class, on this machine or on a cluster, and resume where an earlier run stopped."""

import concurrent.futures
import contextlib
import dataclasses
import functools
import hashlib
import hmac
import importlib.metadata
import ipaddress
import json
import platform
import re
import secrets
import socket
import urllib.parse
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path

from coursegrader import sandbox
from coursegrader.exercises import Exercise
from coursegrader.files import write
from coursegrader.forkserver import GraderError
from coursegrader.grade import Record, fingerprint
from coursegrader.submissions import Submission
from coursegrader.variants import NOT_LISTED, Variants
from coursegrader.worker import close_idle, grade_here

_ALWAYS = ("ipython", "keras", "numpy", "tensorflow")
SECRET = "secret"


@contextlib.contextmanager
def _executor(workers: int, scheduler: str | None) -> Iterator[Executor]:
    """Yield an executor for `grade_here`: threads that each wait for a worker on this machine, or a Dask cluster."""
    if scheduler is None:
        with ThreadPoolExecutor(workers) as pool:
            yield pool
        close_idle()
    else:
        try:
            from distributed import Client
        except ModuleNotFoundError as error:
            raise ValueError(f"--scheduler needs Dask ({error}); install it with: pip install distributed") from error
        with Client(scheduler) as client:
            yield client.get_executor(pure=False)


def check_address(scheduler: str) -> None:
    """Refuse an unencrypted way to a cluster through a public network: who is on it could run code and see marks.

    Raises
    ------
    ValueError
        The address begins with something other than ``tls://`` and is public, or is not known.
    """
    parts = urllib.parse.urlsplit(scheduler if "://" in scheduler else f"tcp://{scheduler}")
    if parts.scheme == "tls":
        return
    try:
        places = socket.getaddrinfo(parts.hostname, None)
    except OSError as error:
        raise ValueError(f"--scheduler: {scheduler} is not known: {error.strerror}") from error
    if not all(ipaddress.ip_address(str(place[4][0]).partition("%")[0]).is_private for place in places):
        raise ValueError(f"--scheduler: expected an address that begins with tls:// or is private, got {scheduler}")


def grade_all(
    submissions: Iterable[Callable[[], Submission]],
    exercises: list[Exercise],
    folder: Path,
    *,
    made_with: dict[str, str],
    known: Mapping[str, Mapping[str, Record]] | None = None,
    workers: int = 1,
    scheduler: str | None = None,
    unsafe: bool = False,
    variants: Variants | None = None,
) -> Iterator[tuple[str, Record | None, str]]:
    """Grade submissions, and store the record of each as soon as it is finished.

    Parameters
    ----------
    submissions, exercises
        The submissions, and the questions of the assignment.
    folder
        Where to store one JSON file per student. A record of the same submission and `made_with` is reused, and one
        that is replaced is kept in the folder ``earlier`` beside it. A secret in the file `SECRET` decides, with each
        notebook, what is drawn for it, so that equal notebooks get equal marks.
    made_with
        What the marks depend on besides the submissions, see `describe`.
    known
        For each student results to take over, by the question's id.
    workers
        Number of worker processes on this machine.
    scheduler
        The address of a Dask scheduler, to grade on its workers instead.
    unsafe
        Grade without isolation.
    variants
        Whose values the exercises get; None if they have no variants.

    Raises
    ------
    ValueError
        Exercises have variants, and `variants` is None.

    Yields
    ------
    student, record, problem
        In the order in which they finish. If grading itself failed, the record is None, the problem says why, and
        nothing is stored.
    """
    if variants is None and any(exercise.variant for exercise in exercises):
        raise ValueError("variants: expected those of the assignment file, got None")
    grade = grade_here if scheduler is None else functools.partial(_grade_there, software=_software(made_with))
    folder.mkdir(parents=True, exist_ok=True)
    enough = 64 if scheduler else 2 * workers  # enough to keep every worker busy; other notebooks stay on disk
    pending: dict[Future[Record], tuple[Submission, Path]] = {}
    with _executor(workers, scheduler) as executor:
        for read in submissions:
            submission = read()
            if variants and not variants.find(submission.student):
                problem = f"{NOT_LISTED} {submission.problem}".strip()
                submission = dataclasses.replace(submission, problem=problem)
            file = folder / file_name(submission.student)
            stored = _read_record(file, digest=submission.digest, made_with=made_with)
            if stored:
                yield submission.student, _updated(stored, submission, file), ""
                continue
            submission = with_seed(submission, folder)
            results = (known or {}).get(submission.student, {})
            own = variants.exercises_of(exercises, submission.student) if variants else exercises
            future = executor.submit(grade, submission, own, unsafe=unsafe, known=results)
            pending[future] = (submission, file)
            if len(pending) >= enough:
                yield from _collect(pending, made_with)
        while pending:
            yield from _collect(pending, made_with)


def _updated(record: Record, submission: Submission, file: Path) -> Record:
    """Return a record with the file and the time of the same notebook, handed in again; store it if they are new."""
    now = {"notebook": submission.file, "handed_in": submission.handed_in, "late": submission.late}
    if now.items() <= record.items():
        return record
    write(file, json.dumps(record | now, indent=1), root=file.parent.parent)
    return record | now


def with_seed(submission: Submission, folder: Path) -> Submission:
    """Return a submission with the seed of its draws, which follows from the notebook and the secret in a folder."""
    seed = hmac.digest(_secret(folder / SECRET), submission.notebook or b"", "sha256").hex()
    return dataclasses.replace(submission, seed=seed)


def _secret(file: Path) -> bytes:
    """Return the secret in a file that only its owner can read; make it if there is none."""
    if not file.is_file():
        write(file, secrets.token_hex(32), root=file.parent.parent, private=True)
    return file.read_text(encoding="utf-8").encode()


def describe(assignment: Path | None, exercises: list[Exercise], unsafe: bool) -> dict[str, str]:
    """Return what marks depend on besides the submissions.

    Parameters
    ----------
    assignment
        The assignment file, None to describe the software alone.
    exercises
        Its exercises.
    unsafe
        Whether students' code is not isolated.

    Returns
    -------
    made_with
        A hash of the assignment file, whether code is isolated, hashes of this package and of the course's packages
        that are outside Python's folders, such as editable ones, and the versions of Python and of what can change a
        value: NumPy, TensorFlow, Keras, IPython, and what the set-up cells import.
    """
    isolated = "off" if unsafe else "on"
    items = tuple(dict.fromkeys(item for exercise in exercises for item in exercise.preload))
    content = assignment.read_bytes() if assignment else b""
    return {"assignment": hashlib.sha256(content).hexdigest(), "isolation": isolated, **_installed(items)}


def _software(made_with: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in made_with.items() if key not in ("assignment", "isolation")}


@functools.cache
def _installed(items: tuple[str, ...]) -> dict[str, str]:
    """Return the hashes of code and the versions of this process."""
    names = dict.fromkeys(item.partition(":")[0].partition(".")[0] for item in items)
    owners = importlib.metadata.packages_distributions()
    packages = {*_ALWAYS, *(owner for name in names for owner in owners.get(name, []))}
    versions = {}
    for package in sorted(packages, key=str.casefold):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[package] = importlib.metadata.version(package)
    course = [path for path in sandbox.readable_paths(items) if path not in sandbox.readable_paths()]
    code = {"grader": _hash_code([Path(__file__).parent]), "course": _hash_code(course)}
    return {**code, "Python": platform.python_version(), **versions}


def _hash_code(places: list[Path]) -> str:
    digest = hashlib.sha256()
    for place in places:
        for file in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            digest.update(b"\0" + file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def explain(before: dict[str, str], now: dict[str, str]) -> str:
    """Return in a few words what differs between what two marks were made with, nothing if they agree."""
    if not before:
        return "the record does not say what it was made with"
    words = {
        "assignment": "the assignment has changed",
        "isolation": f"isolation was {before.get('isolation')}",
        "grader": "the grader's code has changed",
        "course": "the course's code has changed",
    }
    keys = [key for key in {**before, **now} if before.get(key) != now.get(key)]
    return ", ".join(
        words.get(key, f"{key} was {before.get(key, 'missing')} and is {now.get(key, 'missing')}") for key in keys
    )


def still_valid(record: Record, exercises: list[Exercise], made_with: dict[str, str]) -> dict[str, Record]:
    """Return the results in a record that grading again would give, too, by the question's id.

    These are none if anything but the assignment has changed, otherwise those of questions that are as they were.
    """
    before = record.get("made_with", {})
    if {**before, "assignment": ""} != {**made_with, "assignment": ""}:
        return {}
    current = {exercise.id: fingerprint(exercise) for exercise in exercises}
    results = {question["id"]: question for question in record["questions"]}
    return {name: result for name, result in results.items() if result.get("exercise") == current.get(name)}


def _grade_there(
    submission: Submission,
    exercises: list[Exercise],
    *,
    unsafe: bool,
    software: dict[str, str],
    known: Mapping[str, Record] | None = None,
) -> Record:
    """Grade in a worker of a cluster, if its software is the same as where the command runs."""
    here = _software(describe(None, exercises, unsafe))
    if here != software:
        raise GraderError(f"{platform.node()} differs from this machine: {explain(software, here)}")
    return grade_here(submission, exercises, unsafe=unsafe, known=known)


def _collect(
    pending: dict[Future[Record], tuple[Submission, Path]], made_with: dict[str, str]
) -> Iterator[tuple[str, Record | None, str]]:
    """Wait until at least one is finished; store and yield the finished records."""
    done, _ = concurrent.futures.wait(pending, return_when=concurrent.futures.FIRST_COMPLETED)
    for future in done:
        submission, file = pending.pop(future)
        error = future.exception()
        if error is not None:
            yield submission.student, None, f"{type(error).__name__}: {error}"
            continue
        record = {**future.result(), "made_with": made_with, "file": file.stem}
        write(file, json.dumps(record, indent=1), root=file.parent.parent)
        yield submission.student, record, ""


def file_name(student: str) -> str:
    """Return the name of a student's file: readable, of letters that are safe everywhere, and nobody else's."""
    readable = re.sub(r"[^\w@.-]", "_", student)[:60].encode()[:180].decode(errors="ignore")  # files have 255 bytes
    return f"{readable}-{hashlib.sha256(student.encode()).hexdigest()[:8]}.json"


def _read_record(file: Path, *, digest: str, made_with: dict[str, str]) -> Record | None:
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    if not isinstance(record, dict) or (record.get("digest"), record.get("made_with")) != (digest, made_with):
        return None
    return record
