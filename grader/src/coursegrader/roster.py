"""Read a class list, as platforms export it, and find the people in it."""

import csv
import functools
import io
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from coursegrader.platforms import canonical, split_label
from coursegrader.times import read_time

_IDS = (
    *("id", "identifier", "studentid", "sid", "sisuserid", "sisloginid", "orgdefinedid", "idnumber", "userid"),
    *("username", "githubusername", "login", "email", "emailaddress"),
)
# One address and nothing else, for a line of a message.
_ADDRESS = re.compile(r"[A-Za-z0-9][A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]*@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_LONGEST_DATE = 80  # characters
_FULL = ("fullname", "student", "name", "studentname")
_FIRST = ("firstname", "givenname")
_LAST = ("lastname", "surname", "familyname")


@dataclass(frozen=True)
class Person:
    """Somebody on the roster: how to write the name, the row, and what submissions may be called."""

    label: str
    row: int
    ids: frozenset[str]
    names: frozenset[str]


@dataclass(frozen=True)
class Roster:
    """A class list.

    Attributes
    ----------
    table : list of list of str
        The file's rows, the first being the header.
    people : list of Person
        Everybody on it, in its order.
    """

    table: list[list[str]]
    people: list[Person] = field(default_factory=list)

    def find(self, label: str) -> list[Person]:
        """Return the people who can be meant by a student's name and id: by id if one has it, else by name."""
        name, number = split_label(label)
        key, name = _key(number or name), _key(name)
        by_id = [person for person in self.people if key in person.ids]
        return by_id or [person for person in self.people if name in person.names]

    @functools.cached_property
    def is_worksheet(self) -> bool:
        """Whether it is a grading worksheet of Moodle."""
        return _is_worksheet(self.table)

    def filled(self, scores: Mapping[int, str], *, most: float | None = None) -> list[list[str]] | None:
        """Return the table with scores by row, None if it is not a grading worksheet of Moodle.

        Moodle accepts only headers in its own language, so the columns are found by what they hold: the maximum grade
        is the last column with the same number in all rows, and the grade stands before it. Moodle takes grades as they
        are, and ignores that column, so scores out of `most` points are scaled to the maximum.
        """
        if not self.is_worksheet or (place := self._maximum()) is None:
            return None
        table = [list(row) for row in self.table]
        scale = (self.maximum() or 0) / most if most else 1
        for row, score in scores.items():
            comma = "," in table[row][place]
            text = score if scale == 1 else f"{float(score) * scale:.5f}".rstrip("0").rstrip(".")
            table[row][place - 1] = text.replace(".", ",") if comma else text
        return table

    def times(self) -> dict[int, str]:
        """Return when each row's work was last changed, in the form of ISO 8601, from a grading worksheet of Moodle.

        The first of its two columns of times is that of the submission, the second that of the grade.
        """
        place = self._maximum() if self.is_worksheet else None
        if place is None:
            return {}
        columns = range(place + 1, len(self.table[0]))
        dates = [column for column in columns if all(_is_time(row[column]) for row in self.table[1:])]
        if len(dates) < 2:
            return {}
        return {row: time for row, cells in enumerate(self.table) if (time := read_time(cells[dates[0]]))}

    def dated(self, table: list[list[str]], times: Mapping[int, str]) -> list[list[str]]:
        """Return a worksheet of Moodle with the times, by row, when grades were changed, in the form of ISO 8601.

        Moodle keeps a grade that it changed later than its row says, and understands dates only in English and in this
        form: any other, and "-", is 1970. The column is the last behind the maximum that has dates and "-" alone.
        """
        start = self._maximum() or 0
        for place in range(len(self.table[0]) - 1, start, -1):
            values = [row[place].strip() for row in self.table[1:]]
            if all(value == "-" or (re.search(r"\d{4}", value) and len(value) <= _LONGEST_DATE) for value in values):
                return [
                    [*row[:place], times.get(number, row[place]), *row[place + 1 :]] for number, row in enumerate(table)
                ]
        return table

    def number(self, person: Person) -> str:
        """Return the number at the end of the first cell of somebody's row: in a worksheet, that of the participant."""
        found = re.search(r"\d+$", self.table[person.row][0].strip())
        return found[0] if found else ""

    def addresses(self) -> dict[int, str]:
        """Return the e-mail addresses by row; nobody has one that stands in two rows.

        Of several in a row, the first in a column whose title speaks of mail counts.
        """
        titled = [place for place, title in enumerate(self.table[0]) if "mail" in title.casefold()]
        places = [*titled, *(place for place in range(len(self.table[0])) if place not in titled)]
        found = {}
        for person in self.people:
            values = [self.table[person.row][place].strip() for place in places]
            found[person.row] = next((value for value in values if _ADDRESS.fullmatch(value)), "")
        counts = Counter(address.casefold() for address in found.values())
        return {row: address for row, address in found.items() if address and counts[address.casefold()] == 1}

    def maximum(self) -> float | None:
        """Return the maximum grade in a worksheet of Moodle, None if there is none."""
        place = self._maximum() if self.is_worksheet else None
        return None if place is None else float(self.table[1][place].replace(",", "."))

    def _maximum(self) -> int | None:
        rows = self.table[1:]
        for place in range(len(self.table[0]) - 1, 2, -1):
            values = {row[place] for row in rows}
            if len(values) == 1 and re.fullmatch(r"\d+([.,]\d+)?", values.pop()):
                return place
        return None


def identify(roster: Roster, students: Collection[str]) -> tuple[dict[str, Person], dict[str, str]]:
    """Find students on a roster for what is nobody else's business.

    Two lists can use the same number for different people: Moodle's folders of groups, for example, have the group's
    number where others have the participant's. So whoever is found by a number has to have the name, too.

    Returns
    -------
    found
        The people, by student.
    reasons
        For students who are not found, or cannot be told from others, why.
    """
    found, reasons = {}, {}
    for student in students:
        people = roster.find(student)
        if not people:
            reasons[student] = "not on the roster"
        elif len(people) > 1:
            reasons[student] = "several people on the roster have this name"
        elif _is_other(roster, people, student):
            reasons[student] = f"on the roster, {split_label(student)[1]} is {people[0].label}"
        else:
            found[student] = people[0]
    counts = Counter(person.row for person in found.values())
    for student in [student for student, person in found.items() if counts[person.row] > 1]:
        reasons[student] = f"another row, too, is of {found.pop(student).label}"
    return found, reasons


def match_people(
    roster: Roster, records: list[dict[str, Any]], ungraded: Collection[str]
) -> tuple[list[dict[str, Any]], dict[str, str], dict[int, str]]:
    """Find the students of all records on a roster.

    Returns
    -------
    records
        The records, with a remark for students who are not on the roster, or cannot be told from others.
    absent
        For those who handed in nothing, how to write the name, and a remark.
    scores
        The scores by row of the roster.
    """
    found: dict[str, list[Person]] = {
        student: roster.find(student) for student in (*(record["student"] for record in records), *ungraded)
    }
    others = {
        student for student, people in found.items() if roster.is_worksheet and _is_other(roster, people, student)
    }
    students = Counter(people[0].row for student, people in found.items() if len(people) == 1 and student not in others)
    scores: dict[int, str] = {}
    remarked = []
    for record in records:
        people = found[record["student"]]
        remark = ""
        if not people:
            remark = "Not on the roster."
        elif record["student"] in others:
            remark = "On the roster, this number is somebody else's."
        elif len(people) > 1:
            remark = "Several people on the roster have this name."
        elif students[people[0].row] > 1:
            remark = f"Another row, too, is of {people[0].label} on the roster."
        else:
            scores[people[0].row] = str(record["score"])
        remarked.append({**record, "problem": f"{record['problem']} {remark}".strip()})
    absent: dict[str, str] = {}
    for person in roster.people:
        if not students[person.row]:
            taken = person.label in found or person.label in absent
            label = f"{person.label} (row {person.row + 1})" if taken else person.label
            absent[label] = "Nothing was handed in."
    return remarked, absent, scores


def read_roster(file: Path) -> Roster:
    """Read a roster from a CSV file of any platform.

    Raises
    ------
    ValueError
        Nobody is on it.
    """
    table = read_table(file)
    is_worksheet = len(table) > 0 and _is_worksheet(table)
    rows = range(1, len(table))
    people = [person for row in rows if (person := _person(table, row, is_worksheet=is_worksheet))]
    if not people:
        raise ValueError(f"{file}: expected a table (CSV) with a header and one row for each student, found nobody")
    return Roster(table, people)


def read_table(file: Path) -> list[list[str]]:
    """Return the rows of a CSV file that have something in them, as a spreadsheet or a platform writes it."""
    try:
        text = _decode(file.read_bytes())
    except OSError as error:
        raise ValueError(f"{file}: expected a table (CSV), and it cannot be read: {error.strerror}") from error
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        table = [row for row in rows if any(map(str.strip, row))]
    except csv.Error as error:
        raise ValueError(f"{file}, line {rows.line_num}: expected a table (CSV): {error}") from error
    width = max(map(len, table), default=0)
    return [row + [""] * (width - len(row)) for row in table]


def read_columns(
    file: Path, columns: Collection[str], *, required: Collection[str]
) -> list[tuple[int, dict[str, str]]]:
    """Return the rows of a table that an instructor wrote, each with its number and its cells by column.

    Titles are compared without case; columns that are missing are empty.

    Raises
    ------
    ValueError
        A required column is missing, or a title is none of `columns` or stands there twice.
    """
    table = read_table(file) or [[]]
    titles = [title.strip().casefold() for title in table[0]]
    missing = [column for column in required if column not in titles]
    strange = [title for title in titles if title and (title not in columns or titles.count(title) > 1)]
    if missing or strange:
        found = f"{missing[0]!r} is missing" if missing else f"found {strange[0]!r}"
        raise ValueError(f"{file}: expected columns {', '.join(columns)}, each at most once; {found}")
    empty = dict.fromkeys(columns, "")
    return [
        (number, empty | {title: canonical(cell.strip()) for title, cell in zip(titles, row, strict=True) if title})
        for number, row in enumerate(table[1:], start=2)
    ]


class Directory:
    """Students, found by whatever an instructor calls them in a table: the label, the id, or the name.

    Parameters
    ----------
    students
        The labels of all students.
    roster
        The class list, through which they are also found by other ids, such as e-mail addresses.
    """

    def __init__(self, students: Iterable[str], roster: Roster | None = None) -> None:
        self._roster = roster
        self._found: list[dict[str, set[str]]] = [{}, {}, {}]  # by label, id, name
        self._by_row: dict[int, set[str]] = {}
        for student in students:
            name, number = split_label(student)
            for index, key in zip(self._found, (student, number, name), strict=True):
                if key:
                    index.setdefault(_key(key), set()).add(student)
            people = roster.find(student) if roster else []
            if len(people) == 1:
                self._by_row.setdefault(people[0].row, set()).add(student)

    def find(self, who: str) -> str:
        """Return the label of a student, empty if there is nobody of this name.

        Raises
        ------
        ValueError
            Several students can be meant, or the id is that of a student with another name.
        """
        name, number = split_label(who)
        keys = (who, number or who, "" if number else name)
        found = next(
            (index[_key(key)] for index, key in zip(self._found, keys, strict=True) if _key(key) in index), set()
        )
        if not found and self._roster:
            people = self._roster.find(who)
            found = self._by_row.get(people[0].row, set()) if len(people) == 1 else set()
        if len(found) > 1:
            raise ValueError(f"expected one student, and {who!r} can be any of {', '.join(sorted(found))}; use the id")
        student = min(found, default="")
        if student and number:
            people = self._roster.find(student) if self._roster else []
            _check_name(who, student, people)
        return student

    def find_person(self, who: str) -> str:
        """Return the label of a student, see `find`, or of somebody on the roster who handed in nothing."""
        student = self.find(who)
        people = self._roster.find(who) if self._roster and not student else []
        if len(people) != 1:
            return student
        if split_label(who)[1]:
            _check_name(who, people[0].label, people)
        return people[0].label


def _check_name(who: str, label: str, people: list[Person]) -> None:
    """Refuse what a table calls a student, if the name is another one than those that the student is known by.

    A name is the same in any order of its words: "Lovelace, Ada" is "Ada Lovelace".
    """
    known = [split_label(label)[0], *(name for person in people for name in person.names)]
    if _words(split_label(who)[0]) not in map(_words, known):
        raise ValueError(f"expected the name that belongs to the id, {label}, got {who!r}; the id alone is enough")


def _words(text: str) -> list[str]:
    return sorted(re.findall(r"[^\W_]+", canonical(text).casefold()))


def _decode(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def _is_time(text: str) -> bool:
    """Return whether a cell of Moodle's can be a time in any language: a hyphen, or a year and a clock."""
    year, clock = (re.search(pattern, text) for pattern in (r"\b(19|20)\d\d\b", r"\b\d{1,2}[:.h]\d\d\b"))
    return text == "-" or (year is not None and clock is not None)


def _key(text: str) -> str:
    return " ".join(canonical(text).casefold().split())


def _is_worksheet(table: list[list[str]]) -> bool:
    """Return whether each row starts with a word and a number, as "Participant 101" does in any language."""
    return all(re.fullmatch(r"[^\d@]*[^\W\d][^\d@]*\d+", row[0]) for row in table[1:]) and len(table[0]) > 3


def _is_other(roster: Roster, people: list[Person], student: str) -> bool:
    """Return whether somebody was found by a number and has another name, whatever separates the words of names.

    Moodle can hide names behind numbers; everybody is then called "Participant".
    """
    name, number = split_label(student)
    if not number or len(people) != 1:
        return False
    names = {_letters(known) for known in people[0].names}
    hidden = roster.is_worksheet and _letters(name) + number == _letters(roster.table[people[0].row][0])
    return _letters(name) not in names and not hidden


def _letters(text: str) -> str:
    return re.sub(r"[\W_]+", "", canonical(text).casefold())


def _person(table: list[list[str]], number: int, *, is_worksheet: bool) -> Person | None:
    header = [re.sub(r"[\W_]", "", title.casefold()) for title in table[0]]
    row = [canonical(value.strip()) for value in table[number]]

    def values(titles: tuple[str, ...]) -> list[str]:
        return [value for title in titles for head, value in zip(header, row, strict=True) if head == title and value]

    if is_worksheet:
        found = re.search(r"\d+$", row[0])
        ids, names = [found[0] if found else row[0]], row[1:2]
    else:
        ids, names = values(_IDS), values(_FULL)
        if {"student", "id"} <= set(header) and not values(("id",)):
            return None  # the row of Canvas with the points possible
        for first, last in zip(values(_FIRST), values(_LAST), strict=False):
            names += [f"{first} {last}", f"{last}, {first}", f"{last} {first}"]
        if not ids and not names:
            ids, names = row[:1], row[1:2]
    ids += [value for value in row if re.fullmatch(r"[^\s@]+@[^\s@]+", value)]
    names = [name for name in names if name]
    names += [f"{first} {last}" for last, comma, first in (name.partition(", ") for name in names) if comma]
    if not ids and not names:
        return None
    name = names[0] if names else ids[0]
    label = f"{name} ({ids[0]})" if ids and ids[0].isdecimal() and names else name
    return Person(label, number, frozenset(map(_key, ids)), frozenset(map(_key, names)))
