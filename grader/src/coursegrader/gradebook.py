"""A folder of grades: what was graded with what, a record of each student, and the marks that follow from them."""

import json
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, NamedTuple

from coursegrader import report, runner
from coursegrader.exercises import ASSIGNMENT_FILE, Exercise, load
from coursegrader.files import keep, make_folder, write
from coursegrader.grade import Record
from coursegrader.platforms import split_label
from coursegrader.roster import Roster, match_people, read_roster
from coursegrader.submissions import Submission, find_submissions
from coursegrader.variants import load_variants

ABOUT = "grading.json"
RECORDS = "records"
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

    @property
    def about(self) -> dict[str, Any]:
        """What ``grading.json`` says; nothing before anything was graded.

        ``assignment`` and ``submissions`` are paths, ``platform`` is what exported the submissions, ``unsafe`` whether
        they were graded without isolation, ``failed`` lists students whom the last run could not grade, and ``tables``
        has the paths of tables that the instructor gave, such as the ``roster``.
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

    def remember(self, assignment: Path, submissions: list[Path], *, platform: str, unsafe: bool) -> None:
        """Remember what is graded with what; submissions are added to those of earlier runs."""
        make_folder(self.folder)  # marks are private
        about = self.about
        paths = dict.fromkeys([*about["submissions"], *(str(path.resolve()) for path in submissions)])
        known = {"assignment": str(assignment.resolve()), "submissions": list(paths)}
        self._save({**about, **known, "platform": platform, "unsafe": unsafe})

    def remember_table(self, kind: str, file: Path) -> None:
        """Remember a table that the instructor gave, such as the ``roster``."""
        about = self.about
        self._save({**about, "tables": {**about["tables"], kind: str(file.resolve())}})

    def _save(self, about: dict[str, Any]) -> None:
        write(self.folder / ABOUT, json.dumps(about, indent=1), root=self.folder, private=True)

    def table(self, kind: str) -> Path | None:
        """Return the path of a table that the instructor gave, if there is one."""
        path = self.about["tables"].get(kind)
        return Path(path) if path else None

    def assignment(self) -> tuple[Path, str, list[Exercise]]:
        """Return the assignment that was graded, see `read_assignment`."""
        return read_assignment(Path(self.about["assignment"]))

    def exercises_of(self, student: str) -> list[Exercise]:
        """Return the exercises as a student has them: with the values that were drawn, if there are variants."""
        file, _, exercises = self.assignment()
        variants = load_variants(file)
        return variants.exercises_of(exercises, student) if variants else exercises

    def submissions(self, tell: Callable[[str], object] = str) -> list[Callable[[], Submission]]:
        """Return for each student a function that reads what was handed in, see `submissions.find_submissions`."""
        _, name, exercises = self.assignment()
        about = self.about
        paths = [Path(path) for path in about["submissions"]]
        return find_submissions(paths, assignment=name, exercises=exercises, platform=about["platform"], tell=tell)

    def records(self) -> list[Record]:
        """Return the records of all students, by the names of their files."""
        records = []
        for file in sorted((self.folder / RECORDS).glob("*.json")):
            try:
                record = json.loads(file.read_text(encoding="utf-8"))
            except ValueError:
                continue
            if isinstance(record, dict) and record.keys() >= _REQUIRED:
                records.append(record)
        return records

    def finish(self, students: Collection[str], *, failed: Collection[str]) -> None:
        """Take note of a run: whom it graded, and for whom grading itself failed.

        Records of the same people under other names, by their ids, move to the earlier ones.
        """
        graded = {*students, *failed}
        numbers = {split_label(student)[1] for student in graded} - {""}
        for record in self.records():
            if record["student"] not in graded and split_label(record["student"])[1] in numbers:
                file = self.folder / RECORDS / f"{record['file']}.json"
                keep(file, self.folder)
                file.unlink()
        self._save({**self.about, "failed": sorted(failed)})

    def marks(self) -> Marks:
        """Return the marks: the records, and step by step what came after grading."""
        records, ungraded = self._valid(self.records())
        return self._on_roster(records, ungraded)

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
        return Marks(records, ungraded | absent, roster.filled(scores))

    def roster(self) -> Roster | None:
        """Return the class list, if there is one."""
        file = self.table("roster")
        return read_roster(file) if file else None

    def write_tables(self, *, tell: Callable[[str], object]) -> None:
        """Write all tables and pages, see `report.write_reports`; `tell` is called with each warning."""
        marks = self.marks()
        roster = self.roster()
        most = roster.maximum() if roster else None
        if marks.records and most not in (None, marks.records[0]["max_score"]):
            tell(
                f"{self.table('roster')}: the maximum grade in Moodle is {most:g}, and the assignment has "
                f"{marks.records[0]['max_score']} points; set it to that in Moodle before you upload moodle.csv"
            )
        _, name, _ = self.assignment()
        report.write_reports(
            marks.records, self.folder, assignment=name, ungraded=marks.ungraded, worksheet=marks.worksheet
        )


def read_assignment(folder: Path) -> tuple[Path, str, list[Exercise]]:
    """Return the assignment file in a folder, the assignment's name and its exercises.

    Raises
    ------
    ValueError
        The file is not what ``assignment build`` writes.
    """
    file = folder / ASSIGNMENT_FILE
    try:
        return (file, *load(file))
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{file}: expected the file that `assignment build` wrote") from error
