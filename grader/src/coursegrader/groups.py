"""Work of groups: one notebook counts, and all members get its mark."""

from collections.abc import Iterable
from pathlib import Path
from zoneinfo import ZoneInfo

from coursegrader.grade import Record
from coursegrader.platforms import split_label
from coursegrader.roster import Directory, Roster, read_columns
from coursegrader.runner import file_name
from coursegrader.times import read_moment

COLUMNS = ("group", "student")


def read_groups(file: Path, students: Iterable[str], *, roster: Roster | None = None) -> dict[str, str]:
    """Return the group of each student who is in one, by the student's label.

    Parameters
    ----------
    file
        A CSV file with the columns ``group`` and ``student``, one row for each member.
    students
        The labels of those whose work or absence is known.
    roster
        The class list, which has the labels of others. Who is on neither is called as in the table.

    Raises
    ------
    ValueError
        A row lacks something, can mean several students, or puts somebody into a second group.
    """
    directory = Directory(students, roster)
    groups: dict[str, str] = {}
    for number, cells in read_columns(file, COLUMNS, required=COLUMNS):
        who, group = cells["student"], cells["group"]
        try:
            if not who or not group:
                raise ValueError("expected a group and a student")
            student = directory.find_person(who) or who
            if groups.get(student, group) != group:
                raise ValueError(f"expected a student in one group, and {who!r} is in {groups[student]!r}, too")
        except ValueError as error:
            raise ValueError(f"{file}, row {number}: {error}") from error
        groups[student] = group
    return groups


def apply(
    records: list[Record], ungraded: dict[str, str], groups: dict[str, str]
) -> tuple[list[Record], dict[str, str]]:
    """Give all members of a group the mark of the notebook that counts.

    Of several, one that has an answer counts before one without; then the last, if all times are known, where equal
    notebooks have the time of the first; otherwise the one with most points.

    Parameters
    ----------
    records, ungraded
        The records, with times, see `dates.add_times`, and students without one, and why.
    groups
        The group of each student who is in one.

    Returns
    -------
    records
        Those of a group's members are copies of the one that counts, with the ``group``, the student's own name and
        file, and a remark.
    ungraded
        With members of groups that handed in nothing, and of groups in which somebody's work is not graded yet.
    """
    own = {record["student"]: record for record in records}
    members: dict[str, list[str]] = {}
    for student, group in groups.items():
        members.setdefault(group, []).append(student)
    found = {record["student"]: record for record in records if record["student"] not in groups}
    left = dict(ungraded)
    for group, students in members.items():
        theirs = [own[student] for student in sorted(students) if student in own]
        waiting = [ungraded[student] for student in sorted(students) if student in ungraded]
        if waiting or not theirs:
            reason = f"Work of the group {group}: {waiting[0]}" if waiting else f"The group {group} handed in nothing."
            left |= {student: left.get(student, reason) for student in students}
        else:
            counts = _choose(theirs)
            found |= {student: _copy(counts, student, group, own.get(student)) for student in sorted(students)}
    return list(found.values()), left


def works(records: Iterable[Record]) -> dict[str, list[Record]]:
    """Return the records of each piece of work, by whose it is: a student, or a group with the names of all members.

    Members of a group, see `apply`, have the same notebook. So have those whom a platform lists for one submission.
    """
    found: dict[object, list[Record]] = {}
    for record in records:
        file, group = record.get("notebook"), record.get("group")
        alone = ("", group) if group else record["student"]
        found.setdefault((file, record["seed"]) if file else alone, []).append(record)
    named = {theirs[0]["student"]: theirs for theirs in found.values() if len(theirs) == 1}
    for theirs in found.values():
        if len(theirs) > 1:
            group = theirs[0].get("group", "")
            name = f"{group}: " * bool(group) + "; ".join(sorted(record["student"] for record in theirs))
            while name in named:  # a student who is called like that must not hide the group
                name = f"group {name}"
            named[name] = theirs
    return named


def _choose(records: list[Record]) -> Record:
    """Return the record of the notebook that counts."""
    answered = [record for record in records if any(question.get("answer") for question in record["questions"])]
    rivals = answered or records
    if not all(record.get("handed_in") for record in rivals):
        return max(rivals, key=lambda record: record["score"])  # of equal ones the first
    first: dict[str, Record] = {}
    for record in sorted(rivals, key=_moment):
        first.setdefault(record["seed"], record)  # which equal notebooks share
    return max(first.values(), key=_moment)


def _moment(record: Record) -> float:
    """Return when something was handed in; times without a zone are all in the same one."""
    return read_moment(record["handed_in"], ZoneInfo("UTC")).timestamp()


def _copy(counts: Record, student: str, group: str, own: Record | None) -> Record:
    """Return the record that counts as that of a member."""
    author, _ = split_label(counts["student"])
    remark = f"Marked for the group {group}"
    if counts["student"] != student:
        remark += f", with the notebook of {author}"
    if own and own.get("notebook") and own["seed"] != counts["seed"]:
        remark += f"; a notebook that differs was handed in, too, and does not count: it has {own['score']} points"
    return {
        **counts,
        "student": student,
        "file": own["file"] if own else file_name(student).removesuffix(".json"),
        "group": group,
        "problem": f"{counts['problem']} {remark}.".strip(),
    }
