"""Deadlines, extensions and what late work costs, from a table that an instructor writes."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from coursegrader.grade import Record
from coursegrader.roster import Directory, Roster, read_columns
from coursegrader.times import in_utc, read_due, read_moment, read_time

EVERYBODY = "everybody"
NONE = "none"  # in a cell: not even what everybody has
COLUMNS = ("who", "due", "zone", "grace", "per_day", "steps", "cap", "zero_after", "of", "handed_in")
_SPAN = re.compile(r"(\d{1,4}) ?(min|h|d)", re.ASCII)
_NUMBER = re.compile(r"\d{1,3}([.,]\d{1,4})?", re.ASCII)
_LATER = "later"


@dataclass(frozen=True)
class Span:
    """An amount of time; days are those of the calendar, which have 23 or 25 hours where clocks are changed."""

    amount: int
    unit: str

    @property
    def minutes(self) -> int:
        """How many minutes it has, in days of 24 hours."""
        return self.amount * {"min": 1, "h": 60, "d": 24 * 60}[self.unit]

    def after(self, due: datetime, zone: ZoneInfo) -> datetime:
        """Return the moment in UTC that is this much later, the later one if clocks show its time twice."""
        if self.unit == "d":
            local = due.astimezone(zone).replace(tzinfo=None) + timedelta(days=self.amount)
            return max(in_utc(local, zone, fold=fold) for fold in (0, 1))
        return due + timedelta(minutes=self.minutes)


@dataclass(frozen=True)
class Rule:
    """What late work costs, in percent.

    Attributes
    ----------
    grace : Span
        Work that is at most this late loses nothing.
    per_day : float
        What each day that has begun costs.
    steps : list of (Span or None, float)
        Instead of that: up to how much time costs how much; None is any time.
    cap : float
        The most that is deducted before `zero_after`.
    zero_after : Span or None
        Work that is later gets no points.
    of_mark : bool
        Whether percentages are of the points that the student got, not of those that there are.
    """

    grace: Span = Span(0, "min")
    per_day: float = 0
    steps: tuple[tuple[Span | None, float], ...] = ()
    cap: float = 100
    zero_after: Span | None = None
    of_mark: bool = False

    def percent(self, handed_in: datetime, due: datetime, zone: ZoneInfo) -> float:
        """Return how many percent work that was handed in after `due` loses."""
        if handed_in <= self.grace.after(due, zone):
            return 0
        if self.zero_after and handed_in > self.zero_after.after(due, zone):
            return 100
        if self.steps:
            costs = (cost for span, cost in self.steps if span is None or handed_in <= span.after(due, zone))
            return min(next(costs, 100), self.cap)
        days = max(math.ceil((handed_in - due) / timedelta(days=1)) - 1, 1)
        while handed_in > Span(days, "d").after(due, zone):
            days += 1
        return min(days * self.per_day, self.cap)


@dataclass(frozen=True)
class Deadline:
    """What holds for one student: when work is due, in UTC, what late work costs, and a time that the table gives."""

    due: datetime | None
    rule: Rule
    handed_in: str = ""


class Dates:
    """A table of dates: what holds for everybody, and what for a group or a student instead.

    Parameters
    ----------
    file
        The table, a CSV file with the columns `COLUMNS`, of which ``who`` and ``due`` are required.

    Raises
    ------
    ValueError
        A row cannot be read; it says which.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._rows: dict[str, tuple[int, dict[str, str]]] = {}
        for number, cells in read_columns(file, COLUMNS, required=("who", "due")):
            who = cells["who"].casefold() if cells["who"].casefold() == EVERYBODY else cells["who"]
            if not who or who in self._rows:
                raise ValueError(f"{file}, row {number}: expected in column who a group or student of its own")
            if cells["zone"] and who != EVERYBODY:
                raise ValueError(f"{file}, row {number}: expected the zone in the row of {EVERYBODY} only")
            self._rows[who] = (number, cells)
        if EVERYBODY not in self._rows:
            raise ValueError(f"{file}: expected a row for {EVERYBODY}, with the time zone in the column zone")
        self.zone = self._read_zone()
        for who in self._rows:
            self.deadline(who)  # so that each is read once before anything is written

    def _read_zone(self) -> ZoneInfo:
        _, cells = self._rows[EVERYBODY]
        try:
            return ZoneInfo(cells["zone"])
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(
                f"{self.file}: expected in column zone, for {EVERYBODY}, a time zone such as Europe/Berlin, "
                f"got {cells['zone']!r}"
            ) from error

    @property
    def others(self) -> list[str]:
        """Whom the rows are for, without everybody."""
        return [who for who in self._rows if who != EVERYBODY]

    def find(self, who: str, directory: Directory) -> str:
        """Return the label of the student whom a row is for, empty if there is none, see `Directory.find`."""
        try:
            return directory.find(who)
        except ValueError as error:
            raise ValueError(f"{self.file}, row {self._rows[who][0]}: {error}") from error

    def deadline(self, *whose: str) -> Deadline:
        """Return what holds for somebody; `whose` names rows, of which later ones come first."""
        number, merged = self._rows[EVERYBODY]
        for who in whose:
            number, cells = self._rows[who]
            if cells["per_day"] or cells["steps"]:
                merged = {**merged, "per_day": "", "steps": ""}  # the one takes the place of the other
            merged = {**merged, **{column: cell for column, cell in cells.items() if cell}}
        merged = {column: "" if cell.casefold() == NONE else cell for column, cell in merged.items()}
        try:
            time = read_time(merged["handed_in"])
            if merged["handed_in"] and not time:
                raise ValueError(f"expected a time as in 2026-01-30 23:59, got {merged['handed_in']!r}")
            due = read_due(merged["due"], self.zone) if merged["due"] else None
            return Deadline(due, _read_rule(merged), time)
        except ValueError as error:
            raise ValueError(f"{self.file}, row {number}: {error}") from error


def _read_rule(cells: Mapping[str, str]) -> Rule:
    if cells["per_day"] and cells["steps"]:
        raise ValueError("expected a number in per_day or a list in steps, got both")
    if cells["of"].casefold() not in ("", "maximum", "mark"):
        raise ValueError(f"expected maximum or mark in column of, got {cells['of']!r}")
    zero_after = _read_span(cells["zero_after"]) if cells["zero_after"] else None
    return Rule(
        grace=_read_span(cells["grace"]) if cells["grace"] else Span(0, "min"),
        per_day=_read_percent(cells["per_day"] or "0"),
        steps=_read_steps(cells["steps"], zero_after) if cells["steps"] else (),
        cap=_read_percent(cells["cap"] or "100"),
        zero_after=zero_after,
        of_mark=cells["of"].casefold() == "mark",
    )


def _read_steps(text: str, zero_after: Span | None) -> tuple[tuple[Span | None, float], ...]:
    """Return the steps in "1h:0 24h:10 later:50"; the last is without an end, or no work counts after it."""
    steps: list[tuple[Span | None, float]] = []
    for step in re.split(r"[\s,;]+", text):
        until, _, cost = step.rpartition(":")
        steps.append((None if until.casefold() == _LATER else _read_span(until), _read_percent(cost)))
    lengths = [math.inf if span is None else span.minutes for span, _ in steps]
    if lengths != sorted({*lengths}):
        raise ValueError(f"expected steps that end one after the other, as in 1h:0 24h:10, got {text!r}")
    if math.isfinite(lengths[-1]) and (zero_after is None or zero_after.minutes > lengths[-1]):
        raise ValueError(f"steps do not say what work costs that is later than the last of them; add {_LATER}:100")
    return tuple(steps)


def _read_span(text: str) -> Span:
    found = _SPAN.fullmatch(text.strip())
    if not found:
        raise ValueError(f"expected an amount of time as in 30min, 12h or 7d, got {text!r}")
    return Span(int(found[1]), found[2])


def _read_percent(text: str) -> float:
    number = text.strip().removesuffix("%").strip()
    if not _NUMBER.fullmatch(number) or float(number.replace(",", ".")) > 100:
        raise ValueError(f"expected a number of percent from 0 to 100, got {text!r}")
    return float(number.replace(",", "."))


def add_times(
    records: list[Record],
    *,
    dates: Dates | None = None,
    roster: Roster | None = None,
    groups: Mapping[str, str] | None = None,
) -> list[Record]:
    """Return the records with the times at which work was handed in: from the table of dates, else from the roster."""
    known = roster.times() if roster else {}
    given = _by_student(dates, records, roster, groups or {}) if dates else {}
    found = []
    for record in records:
        people = roster.find(record["student"]) if roster and known else []
        time = known.get(people[0].row, "") if len(people) == 1 else ""
        for who in given.get(record["student"], []):
            time = (dates.deadline(who).handed_in if dates else "") or time
        found.append({**record, "handed_in": time or record.get("handed_in", "")})
    return found


def apply(
    records: list[Record], dates: Dates, *, roster: Roster | None = None, groups: Mapping[str, str] | None = None
) -> list[Record]:
    """Return the records with final scores.

    Parameters
    ----------
    records
        The records, with times, see `add_times`.
    dates
        The table.
    roster
        The class list.
    groups
        The group of each student who is in one.

    Returns
    -------
    records
        With ``raw_score``, ``penalty`` and ``score``, which is the difference; ``due``, in the form of ISO 8601, and
        ``late_hours``, None where it is unknown; and a remark.
    """
    rows = _by_student(dates, records, roster, groups or {})
    return [_judge(record, dates.deadline(*rows.get(record["student"], [])), dates.zone) for record in records]


def strangers(
    dates: Dates, students: Iterable[str], *, roster: Roster | None = None, groups: Mapping[str, str] | None = None
) -> list[str]:
    """Return who has a row in the table and is neither a group nor one of these students."""
    directory = Directory(students, roster)
    return [who for who in dates.others if who not in (groups or {}).values() and not dates.find(who, directory)]


def _by_student(
    dates: Dates, records: list[Record], roster: Roster | None, groups: Mapping[str, str]
) -> dict[str, list[str]]:
    """Return which rows of the table hold for each student: first that of the group, then the student's own."""
    directory = Directory((record["student"] for record in records), roster)
    found = {student: [group] for student, group in groups.items() if group in dates.others}
    own: dict[str, str] = {}
    for who in dates.others:
        student = "" if who in groups.values() else dates.find(who, directory)
        if student in own:
            raise ValueError(f"{dates.file}: expected one row for {student}, found {own[student]!r} and {who!r}")
        if student:
            own[student] = who
            found[student] = [*found.get(student, []), who]
    return found


def _judge(record: Record, deadline: Deadline, zone: ZoneInfo) -> Record:
    """Return a record with its final score."""
    late_hours, percent, remark = None, 0.0, ""
    if deadline.due is None:
        late_hours = 0.0
    elif record["handed_in"]:
        moment = read_moment(record["handed_in"], zone)
        late_hours = max((moment - deadline.due) / timedelta(hours=1), 0)
        percent = deadline.rule.percent(moment, deadline.due, zone) if late_hours else 0
    elif record.get("late") is False:
        late_hours = 0.0
    elif record.get("late"):
        remark = "Late, as the platform says, and not by how much; nothing was deducted."
    elif record["score"]:
        remark = "It is not known when this was handed in; nothing was deducted."
    whole = record["score"] if deadline.rule.of_mark else record["max_score"]
    penalty = _number(min(whole * percent / 100, record["score"]) if percent < 100 else record["score"])
    if late_hours and deadline.due:
        remark = f"Late by {_duration(late_hours)}: {_cost(penalty, percent, deadline.rule)}."
    return {
        **record,
        "raw_score": record["score"],
        "penalty": penalty,
        "score": _number(record["score"] - penalty),
        "due": deadline.due.astimezone(zone).isoformat() if deadline.due else "",
        "late_hours": None if late_hours is None else _number(late_hours),
        "problem": f"{record['problem']} {remark}".strip(),
    }


def _cost(penalty: float, percent: float, rule: Rule) -> str:
    if percent >= 100:
        return "too late for points"
    whole = "the points" if rule.of_mark else "the maximum"
    return f"{penalty:g} points less ({percent:g} % of {whole})" if percent else "nothing was deducted"


def _duration(hours: float) -> str:
    """Return a length of time in words: days and hours, or hours and minutes."""
    hours, minutes = divmod(int(hours * 60), 60)
    days, rest = divmod(hours, 24)
    amounts = [(days, "d"), (rest, "h")] if days else [(rest, "h"), (minutes, "min")]
    return " ".join(f"{amount:.0f} {unit}" for amount, unit in amounts if amount) or "less than a minute"


def _number(value: float) -> float:
    """Return a number with at most two decimals, and as a whole number if there are none."""
    rounded = round(value, 2)
    return int(rounded) if rounded == int(rounded) else rounded
