"""A folder of grades: what was graded with what, a record of each student, and the marks that follow from them."""

import datetime
import json
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

from coursegrader import dates, groups, marking, overrides, report, runner
from coursegrader.exercises import ASSIGNMENT_FILE, Exercise, load
from coursegrader.files import keep, locked, make_folder, write
from coursegrader.grade import Record
from coursegrader.platforms import split_label
from coursegrader.roster import Roster, identify, match_people, read_roster
from coursegrader.similarity import similarities
from coursegrader.submissions import ExportedFile, Submission, find_files, find_submissions
from coursegrader.variants import load_variants

ABOUT = "grading.json"
RECORDS = "records"
DATED = "dated.json"
UNFINISHED = ".unfinished"  # is there during a run, and after one that was ended from outside
PENDING = "regrade"  # results of `regrade` that do not count yet
_REQUIRED = {"student", "file", "digest", "score", "questions"}  # keys of every record


class Marks(NamedTuple):
    """The marks of a class.

    Attributes
    ----------
    records : list of Record
        Of everybody who has a mark, with what came after grading in it.
    ungraded : dict of str to str
        Who gets a row without a mark, and why.
    worksheet : list of list of str or None
        Moodle's own table with the marks in it, if that is the roster.
    """

    records: list[Record]
    ungraded: dict[str, str]
    worksheet: list[list[str]] | None = None


class Gradebook:
    """A folder of grades.

    Parameters
    ----------
    folder
        Where it is. The file ``grading.json`` in it remembers the assignment, the submissions and how they were graded,
        so that later commands need nothing but the folder; ``records/`` has one file for each student.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._new_tables: frozenset[str] = frozenset()

    @classmethod
    def open(cls, folder: Path) -> "Gradebook":
        """Return what is in a folder.

        Raises
        ------
        ValueError
            Nothing was graded into it.
        """
        if not (folder / ABOUT).is_file():
            raise ValueError(f"{folder}: expected a folder that `grade --out` wrote; there is no {ABOUT} in it")
        return cls(folder)

    def locked(self) -> AbstractContextManager[None]:
        """Keep other commands from writing into the folder, see `files.locked`."""
        make_folder(self.folder)  # marks are private
        return locked(self.folder)

    @property
    def about(self) -> dict[str, Any]:
        """What ``grading.json`` says; nothing before anything was graded.

        ``assignment`` and ``submissions`` are paths, ``platform`` is what exported the submissions, ``unsafe`` whether
        they were graded without isolation, ``failed`` lists students whom the last run could not grade, and ``tables``
        has the paths of tables that the instructor gave, ``roster``, ``dates`` and ``groups``.
        """
        file = self.folder / ABOUT
        if not file.is_file():
            return {"submissions": [], "failed": [], "tables": {}}
        try:
            about: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
            if not {"assignment", "submissions", "platform", "unsafe", "failed", "tables"} <= about.keys():
                raise ValueError("something is missing")
        except (ValueError, AttributeError) as error:
            raise ValueError(f"{file}: expected what `grade` wrote: {error}") from error
        return about

    def remember(
        self,
        assignment: Path,
        submissions: list[Path],
        *,
        platform: str,
        unsafe: bool,
        tables: Mapping[str, Path] | None = None,
    ) -> None:
        """Remember what is graded with what; submissions are added to those of earlier runs.

        `tables` are those that the instructor gave, see `remember_tables`.
        """
        about = self._with_tables(tables or {})
        paths = dict.fromkeys([*about["submissions"], *(str(path.resolve()) for path in submissions)])
        known = {"assignment": str(assignment.resolve()), "submissions": list(paths)}
        self._save({**about, **known, "platform": platform, "unsafe": unsafe})
        (self.folder / UNFINISHED).touch()

    def remember_tables(self, tables: Mapping[str, Path]) -> None:
        """Remember tables that the instructor gave, such as the ``roster``.

        Raises
        ------
        ValueError
            One of them cannot be read, and nothing was remembered.
        """
        self._save(self._with_tables(tables))

    def _with_tables(self, tables: Mapping[str, Path]) -> dict[str, Any]:
        """Return what ``grading.json`` says, with these tables, each of which has been read once."""
        roster = read_roster(tables["roster"]) if "roster" in tables else None
        if "dates" in tables:
            dates.Dates(tables["dates"])
        if "groups" in tables:
            groups.read_groups(tables["groups"], [], roster=roster)
        self._new_tables |= tables.keys()
        about = self.about
        return {**about, "tables": {**about["tables"], **{kind: str(file.resolve()) for kind, file in tables.items()}}}

    def _save(self, about: dict[str, Any]) -> None:
        write(self.folder / ABOUT, json.dumps(about, indent=1), root=self.folder, private=True)

    def table(self, kind: str) -> Path | None:
        """Return the path of a table that the instructor gave, if there is one."""
        path = self.about["tables"].get(kind)
        if path and not Path(path).is_file():
            raise ValueError(f"{path}: the table of --{kind} is gone; name its new place: `tables --{kind} FILE`")
        return Path(path) if path else None

    def assignment(self) -> tuple[Path, str, list[Exercise]]:
        """Return the assignment that was graded, see `read_assignment`."""
        folder = Path(self.about["assignment"])
        if not folder.is_dir():
            raise ValueError(
                f"{folder}: the assignment is no longer there; if it was moved, run `grade` with its new place"
            )
        return read_assignment(folder)

    def exercises_of(self, students: Iterable[str]) -> dict[str, list[Exercise]]:
        """Return the exercises as each student has them: with the values that were drawn, if there are variants."""
        file, _, exercises = self.assignment()
        variants = load_variants(file)
        return {student: variants.exercises_of(exercises, student) if variants else exercises for student in students}

    def submissions(self, paths: list[Path] | None = None) -> list[Callable[[], Submission]]:
        """Return for each student a function that reads what was handed in, see `submissions.find_submissions`.

        `paths` are some of those that were graded, by default all that are still there.
        """
        _, name, exercises = self.assignment()
        paths = self.places()[0] if paths is None else paths
        return find_submissions(paths, assignment=name, exercises=exercises, platform=self.about["platform"])

    def places(self) -> tuple[list[Path], list[Path]]:
        """Return the folders and archives that were graded and are still there, and those that are not.

        Raises
        ------
        ValueError
            None is there.
        """
        paths = [Path(path) for path in self.about["submissions"]]
        found, lost = ([path for path in paths if path.exists() == there] for there in (True, False))
        if lost and not found:
            raise ValueError(
                f"{', '.join(map(str, lost))}: the submissions are no longer there; if they were moved, run `grade` "
                "with their new place"
            )
        return found, lost

    def graded(self, students: Collection[str], *, missing: Callable[[str], object] = str) -> Iterator[Submission]:
        """Yield the submissions that the records of these students were made from, with the seeds of their draws.

        If archives were graded one after the other, a record can be from one that would not count beside another.
        `missing` is called with each student whose submission is no longer there.
        """
        records = {record["student"]: record for record in self.records() if record["student"] in students}
        paths, _ = self.places()
        for some in [paths, *([path] for path in paths if len(paths) > 1)]:
            if not records:
                break
            for read in self.submissions(some):
                submission = runner.with_seed(read(), self.folder / RECORDS)
                if records.get(submission.student, {}).get("seed") == submission.seed:
                    del records[submission.student]
                    yield submission
        for student in records:
            missing(student)

    def records(self, *, damaged: Callable[[Path], object] = str) -> list[Record]:
        """Return the records of all students, by the names of their files.

        `damaged` is called with each file that holds none.
        """
        records = []
        for file in sorted((self.folder / RECORDS).glob("*.json")):
            try:
                record = json.loads(file.read_text(encoding="utf-8"))
            except ValueError:
                record = None
            if isinstance(record, dict) and record.keys() >= _REQUIRED:
                records.append(record)
            else:
                damaged(file)
        return records

    def replace(self, record: Record) -> None:
        """Write a record in place of the one that the student has, which is kept among the earlier ones."""
        file = self.folder / RECORDS / f"{record['file']}.json"
        write(file, json.dumps(record, indent=1), root=self.folder)

    def finish(self, students: Collection[str], *, failed: Collection[str]) -> None:
        """Take note of a run: whom it graded, and for whom grading itself failed.

        Records of the same people under other names, by their ids, move to the earlier ones. Results that do not count
        yet are dropped, since they can rest on what this run has replaced.
        """
        shutil.rmtree(self.folder / PENDING, ignore_errors=True)
        graded = {*students, *failed}
        numbers = {split_label(student)[1] for student in graded} - {""}
        for record in self.records():
            if record["student"] not in graded and split_label(record["student"])[1] in numbers:
                file = self.folder / RECORDS / f"{record['file']}.json"
                keep(file, self.folder)
                file.unlink()
        self._save({**self.about, "failed": sorted(failed)})
        (self.folder / UNFINISHED).unlink(missing_ok=True)

    def marks(self, *, damaged: Callable[[Path], object] = str) -> Marks:
        """Return the marks: the records, see `records`, and step by step what came after grading.

        What people decide about an answer comes before the groups, which share it, and lateness last.
        """
        records, ungraded = self._valid(self.records(damaged=damaged))
        records = self.decided(records)
        waiting = marking.find_unmarked(records)
        records = [record for record in records if record["student"] not in waiting]
        ungraded |= waiting
        roster, deadlines = self.roster(), self.deadlines()
        records, ungraded, members = self._share(records, ungraded, roster=roster, deadlines=deadlines)
        if deadlines:
            records = dates.apply(records, deadlines, roster=roster, groups=members)
        return self._on_roster(records, ungraded)

    def works(self) -> dict[str, list[Record]]:
        """Return the records, whether or not they count, of each piece of work, by whose it is, see `groups.works`."""
        records, _, _ = self._share(self.records(), {}, roster=self.roster(), deadlines=self.deadlines())
        return groups.works(records)

    def _share(
        self, records: list[Record], ungraded: dict[str, str], *, roster: Roster | None, deadlines: dates.Dates | None
    ) -> tuple[list[Record], dict[str, str], dict[str, str]]:
        """Give the members of a group the same record, see `groups.apply`; return the group of each of them, too."""
        members = self.groups([*(record["student"] for record in records), *ungraded])
        records = dates.add_times(records, dates=deadlines, roster=roster, groups=members)
        return *groups.apply(records, ungraded, members), members

    def decided(self, records: list[Record]) -> list[Record]:
        """Return records with what people decided: their marks, and the points that an instructor set over any other.

        See `marking.find_unmarked` for those of whom not everything is decided.
        """
        records = marking.apply(records, self.assignment()[2], marking.read_marks(self.folder))
        return overrides.apply(records, overrides.read(self.folder))

    def _valid(self, records: list[Record]) -> tuple[list[Record], dict[str, str]]:
        """Return the records that count, and for others a reason.

        One that was made with something else than what is here now has a remark. One that was made without isolation
        does not count where there is isolation now.
        """
        file, _, exercises = self.assignment()
        about = self.about
        made_with = runner.describe(file, exercises, about["unsafe"])
        found = []
        ungraded = dict.fromkeys(about["failed"], "Not graded yet.")
        for record in records:
            made_before = record.get("made_with", {})
            reason = runner.explain(made_before, made_with)
            if record["student"] in ungraded:
                continue
            if made_with["isolation"] == "on" and made_before.get("isolation") != "on":
                ungraded[record["student"]] = f"Graded earlier, which does not count, because {reason}."
                continue
            if reason:
                record = {**record, "problem": f"Graded earlier, and since then {reason}. {record['problem']}".strip()}
            found.append(record)
        return found, ungraded

    def _on_roster(self, records: list[Record], ungraded: dict[str, str]) -> Marks:
        """Add those who handed in nothing, and remarks for people who are not on the roster."""
        roster = self.roster()
        if roster is None:
            return Marks(records, ungraded)
        records, absent, scores = match_people(roster, records, ungraded)
        most = records[0]["max_score"] if records else None
        return Marks(records, ungraded | absent, roster.filled(scores, most=most))

    def roster(self) -> Roster | None:
        """Return the class list, if there is one."""
        file = self.table("roster")
        return read_roster(file) if file else None

    def deadlines(self) -> dates.Dates | None:
        """Return the table of dates, if there is one."""
        file = self.table("dates")
        return dates.Dates(file) if file else None

    def groups(self, students: Collection[str]) -> dict[str, str]:
        """Return the group of each student who is in one, see `groups.read_groups`."""
        file = self.table("groups")
        return groups.read_groups(file, students, roster=self.roster()) if file else {}

    def write_tables(self, *, tell: Callable[[str], object]) -> None:
        """Write all tables and pages, see `report.write_reports`; `tell` is called with each warning."""
        damaged: list[Path] = []
        marks = self.marks(damaged=damaged.append)
        roster, worksheet = self.roster(), marks.worksheet
        times = self._date(marks.records)
        if roster and worksheet:
            people, _ = identify(roster, list(times))
            worksheet = roster.dated(worksheet, {people[student].row: times[student] for student in people})
        for line in self._warnings(marks, roster, damaged):
            tell(line)
        _, name, exercises = self.assignment()
        report.write_reports(
            marks.records,
            self.folder,
            assignment=name,
            ungraded=marks.ungraded,
            worksheet=worksheet,
            similar=_compare(groups.works(marks.records), exercises),
        )

    def _warnings(self, marks: Marks, roster: Roster | None, damaged: list[Path]) -> Iterator[str]:
        """Yield what an instructor should know of the tables; how Moodle scales points once, with the roster."""
        if (self.folder / UNFINISHED).exists():
            yield f"{self.folder}: `grade` was interrupted, so students can be missing; run it again"
        for file in damaged:
            yield f"{file}: this record is damaged, so its student is missing; run `grade` again"
        totals = sorted({record["max_score"] for record in marks.records})
        if len(totals) > 1:
            listed = ", ".join(f"{total:g}" for total in totals)
            yield f"the records are of assignments with different points ({listed}); `regrade` grades all of them again"
        most = roster.maximum() if roster and marks.worksheet and "roster" in self._new_tables else None
        if most is not None and totals and [most] != totals:
            yield f"moodle.csv: {totals[-1]} points count as {most:g}, which is the maximum grade in Moodle"
        students = [*(record["student"] for record in marks.records), *marks.ungraded]
        if deadlines := self.deadlines():
            for who in dates.strangers(deadlines, students, roster=roster, groups=self.groups(students)):
                yield (
                    f"{deadlines.file}: a row is for {who!r}, who is neither a group nor a student with a row in the "
                    "tables"
                )

    def _date(self, records: list[Record]) -> dict[str, str]:
        """Return for each student when the mark became what it is, and remember it."""
        file = self.folder / DATED
        try:
            known = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        except ValueError as error:
            raise ValueError(f"{file}: expected the times of marks; delete it, and they are those of now") from error
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        dated: dict[str, dict[str, Any]] = {}
        for record in records:
            mark = [record["score"], record["max_score"]]
            before = known.get(record["student"])
            dated[record["student"]] = before if before and before["mark"] == mark else {"mark": mark, "time": now}
        write(file, json.dumps(dated, indent=1), root=self.folder, private=True)
        return {student: str(about["time"]) for student, about in dated.items()}

    def files(self) -> dict[str, list[ExportedFile]]:
        """Return the files of each student in what was handed in, see `submissions.find_files`."""
        _, name, _ = self.assignment()
        return find_files(self.places()[0], assignment=name, platform=self.about["platform"])


def _compare(works: dict[str, list[Record]], exercises: list[Exercise]) -> dict[str, tuple[float, str]]:
    """Return for each student the most similar other work, see `similarity.similarities`."""
    similar = similarities({name: theirs[0] for name, theirs in works.items()}, exercises)
    return {record["student"]: similar[name] for name, theirs in works.items() for record in theirs}


def read_assignment(folder: Path) -> tuple[Path, str, list[Exercise]]:
    """Return the assignment file in a folder, the assignment's name and its exercises.

    Raises
    ------
    ValueError
        The file is not what ``assignment build`` writes, or not there.
    """
    file = folder / ASSIGNMENT_FILE
    if not file.is_file():
        raise ValueError(f"{folder}: expected a folder that `assignment build` wrote; there is no {file.name} in it")
    try:
        return (file, *load(file))
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{file}: expected the file that `assignment build` wrote") from error
