"""Grade a class, on this machine or on a cluster, and resume where an earlier run stopped."""

import concurrent.futures
import contextlib
import hashlib
import importlib.metadata
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path

from coursegrader import sandbox
from coursegrader.exercises import Exercise
from coursegrader.grade import Record
from coursegrader.submissions import Submission
from coursegrader.worker import close_idle, grade_here


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


def grade_all(
    submissions: Iterable[Callable[[], Submission]],
    exercises: list[Exercise],
    folder: Path,
    *,
    version: str,
    workers: int = 1,
    scheduler: str | None = None,
    unsafe: bool = False,
) -> Iterator[tuple[str, Record | None, str]]:
    """Grade submissions, and store the record of each as soon as it is finished.

    Parameters
    ----------
    submissions, exercises
        The submissions, and the questions of the assignment.
    folder
        Where to store one JSON file per student. A record of the same submission and `version` is reused.
    version
        Identifies the assignment and the software that grades it, see `fingerprint`.
    workers
        Number of worker processes on this machine.
    scheduler
        The address of a Dask scheduler, to grade on its workers instead.
    unsafe
        Grade without isolation.

    Yields
    ------
    student, record, problem
        In the order in which they finish. If grading itself failed, the record is None, the problem says why, and
        nothing is stored.
    """
    folder.mkdir(parents=True, exist_ok=True)
    enough = 64 if scheduler else 2 * workers  # enough to keep every worker busy; other notebooks stay on disk
    pending: dict[Future[Record], tuple[Submission, Path]] = {}
    with _executor(workers, scheduler) as executor:
        for read in submissions:
            submission = read()
            file = folder / _file_name(submission.student)
            known = _read_record(file, digest=submission.digest, version=version)
            if known:
                yield submission.student, known, ""
                continue
            future = executor.submit(grade_here, submission, exercises, unsafe=unsafe)
            pending[future] = (submission, file)
            if len(pending) >= enough:
                yield from _collect(pending, version)
        while pending:
            yield from _collect(pending, version)


def fingerprint(assignment: bytes, exercises: list[Exercise], *, unsafe: bool) -> str:
    """Return a hash of what marks depend on besides the submissions.

    That is the assignment file, this package, Python, whether code is isolated, the versions of the packages that the
    set-up cells import, and the code of those that are outside Python's folders, such as editable packages.
    """
    items = [item for exercise in exercises for item in exercise.preload]
    names = {item.partition(":")[0].partition(".")[0] for item in items} | {"numpy"}
    owners = importlib.metadata.packages_distributions()
    versions = {owner: importlib.metadata.version(owner) for name in names for owner in owners.get(name, [])}
    course = [path for path in sandbox.readable_paths(items) if path not in sandbox.readable_paths()]
    digest = hashlib.sha256(json.dumps([sys.version, unsafe, sorted(versions.items())]).encode())
    for place in [Path(__file__).parent, *course]:
        for file in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            digest.update(b"\0" + file.name.encode() + b"\0" + file.read_bytes())
    return hashlib.sha256(digest.digest() + assignment).hexdigest()


def _collect(
    pending: dict[Future[Record], tuple[Submission, Path]], version: str
) -> Iterator[tuple[str, Record | None, str]]:
    """Wait until at least one is finished; store and yield the finished records."""
    done, _ = concurrent.futures.wait(pending, return_when=concurrent.futures.FIRST_COMPLETED)
    for future in done:
        submission, file = pending.pop(future)
        error = future.exception()
        if error is not None:
            yield submission.student, None, f"{type(error).__name__}: {error}"
            continue
        record = {**future.result(), "version": version, "file": file.stem}
        part = file.with_suffix(".part")
        part.write_text(json.dumps(record, indent=1), encoding="utf-8")
        part.replace(file)  # atomic
        yield submission.student, record, ""


def _file_name(student: str) -> str:
    readable = re.sub(r"[^\w@.-]", "_", student)[:60]
    return f"{readable}-{hashlib.sha256(student.encode()).hexdigest()[:8]}.json"


def _read_record(file: Path, *, digest: str, version: str) -> Record | None:
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    if not isinstance(record, dict) or (record.get("digest"), record.get("version")) != (digest, version):
        return None
    return record
