"""Read from the names in a platform's export who handed in what.

Each platform puts the student at the beginning of a name and what the student chose at its end. So patterns are matched
from the beginning, with as little as possible before the platform's part, and one export has one pattern: the one that
all of its names have. Where only some have it, students may have chosen them, and whoever grades has to say what it is.
What a student calls a file can then neither give it another's id nor hide it.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

import yaml

from coursegrader.times import read_time

GRADESCOPE_FILE = "submission_metadata.yml"
_LONGEST = 255  # characters of a name on any file system; to normalize one takes time by the square of its length
_BESIDE = {"index.html"}  # what Brightspace adds

NOTEBOOK = re.compile(r"(?P<stem>.*)\.ipynb(\.json|\.txt)?", re.IGNORECASE)  # browsers and mail programs add endings

# mod/assign/classes/downloader.php: a folder or a prefix; the full name has no underscore, "assignsubmission" and the
# plugin are not translated, and only groups can be without a number.
_MOODLE = re.compile(r"(?P<student>[^_]+)(_(?P<number>\d+))?_assignsubmission_[a-z]+(_(?P<file>.*))?", re.ASCII)
# lib/content_zipper.rb: name, LATE, user, attachment, file name; anonymous grading has no name and no user.
_CANVAS = (
    re.compile(r"(?P<prefix>(?P<late>LATE_)?(?P<student>anon_[^_]+)_\d+_)(?P<file>.+)", re.ASCII),
    re.compile(r"(?P<prefix>(?P<late>LATE_)?(?P<student>anon_[^_]+)_)(text|link)\.html", re.ASCII),
    re.compile(r"(?P<prefix>(?P<student>.+?)(?P<late>_LATE)?_(?P<number>\d+)_\d+_)(?P<file>.+)", re.ASCII),
    re.compile(r"(?P<prefix>(?P<student>.+?)(?P<late>_LATE)?_(?P<number>\d+)_)(text|link)\.html", re.ASCII),
)
# Blackboard, and what `nbgrader zip_collect` documents: ps1_bitdiddle_attempt_2016-01-30-15-00-00_problem1.ipynb
_ATTEMPT = re.compile(r"_attempt_(?P<time>\d{4}(-\d\d){5})", re.ASCII)
_COLLECTED = re.compile(rf"(?P<head>.+?){_ATTEMPT.pattern}(_(?P<file>.+)|\.\w+)", re.ASCII)
# Brightspace: 39786-640693 - Ada Lovelace - Oct 10, 2025 1022 AM, a folder or a prefix
_BRIGHTSPACE = re.compile(
    r"(?P<number>\d+)(-\d+)? - (?P<student>.+?) - (?P<time>[^-]*\b\d{4}\b[^-]*?)( - (?P<file>.+))?", re.ASCII
)


@dataclass(frozen=True)
class Origin:
    """Who a file or folder is from.

    Attributes
    ----------
    student : str
        The name on the platform.
    number : str
        The platform's id, or empty.
    attempt : str
        The time of the attempt in the form of ISO 8601, as the platform writes it, or empty.
    file : str
        What the student called the file, if that is known.
    late : bool or None
        Whether the platform marks the attempt as late; None if it marks none.
    """

    student: str
    number: str = ""
    attempt: str = ""
    file: str = ""
    late: bool | None = None

    @property
    def key(self) -> tuple[str, str]:
        """What tells students apart: the id, or if there is none, the name."""
        return ("id", self.number) if self.number else ("name", self.student)

    @property
    def label(self) -> str:
        """The name, followed by the id in parentheses."""
        if self.number:
            return f"{self.student} ({self.number})"
        name, number = split_label(self.student)  # a name that looks like one with an id
        return f"{name} ({number}, no id)" if number else name


def split_label(label: str) -> tuple[str, str]:
    """Return the name and the id of a label, which has a digit, the latter empty if there is none."""
    match = re.fullmatch(r"(.+) \(([^\s()]*[0-9][^\s()]*)\)", label)
    return (match[1], match[2]) if match else (label, "")


def identity(label: str) -> str:
    """Return what tells a student from others: the id in a label, or else the name."""
    name, number = split_label(label)
    return number or name


def canonical(text: str) -> str:
    """Return a name in the one form in which names are compared and written: NFC, without control characters."""
    text = unicodedata.normalize("NFC", text[:_LONGEST])
    return "".join("\N{REPLACEMENT CHARACTER}" if unicodedata.category(c) in ("Cc", "Cs") else c for c in text)


def simplify(text: str) -> str:
    """Return a title without case, and with one hyphen for whatever separates its words."""
    return re.sub(r"[\W_]+", "-", unicodedata.normalize("NFC", text).casefold()).strip("-")


def is_named(stem: str, assignment: str) -> bool:
    """Return whether a name is the assignment's, with at most the number that browsers and platforms add."""
    return bool(assignment) and re.fullmatch(rf"{re.escape(simplify(assignment))}(-\d+)?", simplify(stem)) is not None


def is_from_platform(names: Collection[str]) -> bool:
    """Return whether most of the names are a platform's."""
    return _most(names) != PLAIN


def recognize(names: Collection[str]) -> str:
    """Return the platform that has named all of these, `PLAIN` if most have no platform's form.

    Raises
    ------
    ValueError
        Most have one, and some have not, so that students may have chosen them.
    """
    platform = _most(names)
    strange = [] if platform == PLAIN else [name for name in names if not _PATTERNS[platform](name)]
    if others := sorted({*strange} - _BESIDE):
        raise ValueError(
            f"most names are like those of {platform.title()}, and others are not, such as {others[0]!r}: add "
            f"--platform {platform} if {platform.title()} made this export, --platform {PLAIN} if students chose names"
        )
    return platform


def read_origins(
    names: Collection[str], *, folders: Collection[str] = (), assignment: str = "", platform: str = ""
) -> dict[str, Origin]:
    """Return who each file or folder at the top of an export is from; files of the platform's own are left out.

    Parameters
    ----------
    names
        The names at the top of one export.
    folders
        Those of them that are folders.
    assignment
        The assignment's name, which some exports add to that of the student.
    platform
        One of `PLATFORMS`, by default what `recognize` finds.

    Raises
    ------
    ValueError
        No name is one of the platform's, or `recognize` raises it.
    """
    platform = platform or recognize(names)
    pattern = _PATTERNS.get(platform)
    if pattern and not any(map(pattern, names)):
        raise ValueError(f"expected names as {platform.title()} writes them, found {min(names)!r}")
    shared = Counter(split_label(name)[1] for name in folders)
    found = {}
    for name in names:
        if origin := pattern(name) if pattern else None:
            found[name] = origin
        elif platform == PLAIN or name in folders or NOTEBOOK.fullmatch(name) or name.lower().endswith(".zip"):
            found[name] = _plain(name, folders, assignment, shared)
    return _without_assignment(found, assignment) if pattern is _collected else found


def read_gradescope(metadata: bytes) -> dict[str, list[Origin]]:
    """Return the submitters of each folder of a Gradescope export.

    Raises
    ------
    ValueError
        The file is not what Gradescope writes.
    """
    try:
        content = yaml.load(metadata, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        return {
            str(folder): [
                Origin(
                    canonical(str(person[":name"])),
                    canonical(str(person.get(":sid") or "")),
                    read_time(str(about.get(":created_at", ""))),
                )
                for person in about[":submitters"]
            ]
            for folder, about in content.items()
        }
    except (yaml.YAMLError, AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise ValueError("it is not what Gradescope writes") from error


def _most(names: Collection[str]) -> str:
    """Return the platform whose form most names have, `PLAIN` if fewer than half have one."""
    counts = {platform: sum(pattern(name) is not None for name in names) for platform, pattern in _PATTERNS.items()}
    # In Canvas each file has a number of its own; in Week_1_2_ada_attempt_..., the numbers are the assignment's.
    counts["canvas"] = len({match["prefix"] for name in names if (match := _match_canvas(name))})
    best = max(counts, key=lambda platform: counts[platform])
    return best if counts[best] and 2 * counts[best] >= len(names) else PLAIN


def _moodle(name: str) -> Origin | None:
    match = _MOODLE.fullmatch(name)
    return Origin(match["student"], match["number"] or "", file=match["file"] or "") if match else None


def _canvas(name: str) -> Origin | None:
    if match := _match_canvas(name):
        groups = match.groupdict()
        late = groups["late"] is not None
        return Origin(groups["student"], groups.get("number", ""), file=groups.get("file", ""), late=late)
    return None


def _match_canvas(name: str) -> re.Match[str] | None:
    match = next((match for pattern in _CANVAS if (match := pattern.fullmatch(name))), None)
    return None if match and _ATTEMPT.search(match["prefix"]) else match


def _collected(name: str) -> Origin | None:
    match = _COLLECTED.fullmatch(name)
    time = read_time(match["time"]) if match else ""
    return Origin(match["head"], attempt=time, file=match["file"] or "") if match and time else None


def _without_assignment(origins: dict[str, Origin], assignment: str) -> dict[str, Origin]:
    """Remove the assignment that Blackboard writes before the student: "week-1_ada" is Ada's."""
    heads = {origin.student for origin in origins.values() if origin.attempt}
    first = min(heads)
    ends = [match.end() for match in re.finditer("_(?=.)", first)]
    ends = [end for end in ends if all(head[:end] == first[:end] and head[end:] for head in heads)]
    known = [end for end in ends if simplify(first[:end]) == simplify(assignment)]
    start = (known or ends[-1:] or [0])[0]
    return {
        name: replace(origin, student=origin.student[start:]) if origin.attempt else origin
        for name, origin in origins.items()
    }


def _brightspace(name: str) -> Origin | None:
    if match := _BRIGHTSPACE.fullmatch(name):
        return Origin(match["student"], match["number"], read_time(match["time"]), match["file"] or "")
    return None


def _plain(name: str, folders: Collection[str], assignment: str, shared: Counter[str]) -> Origin:
    """Return the student of a folder or file that is named for the student.

    GitHub Classroom writes the assignment before the name, Google Classroom behind it.
    """
    if name in folders:
        for dash in re.finditer("-", name):
            if assignment and name[dash.end() :] and simplify(name[: dash.start()]) == simplify(assignment):
                return Origin(name[dash.end() :])
        student, number = split_label(name)  # as rows are called here; "Ada (2)" beside "Bob (2)" is no id
        return Origin(student, number) if number.isdecimal() and shared[number] == 1 else Origin(name)
    file = NOTEBOOK.fullmatch(name) or re.fullmatch(r"(?P<stem>.+)\.zip", name, re.IGNORECASE)
    stem = (file["stem"] if file else "") or name
    student, _, title = stem.rpartition(" - ")
    return Origin(student if student and is_named(title, assignment) else stem)


PLAIN = "plain"
_PATTERNS: dict[str, Callable[[str], Origin | None]] = {
    "brightspace": _brightspace,
    "moodle": _moodle,
    "canvas": _canvas,
    "blackboard": _collected,
}
PLATFORMS = (*_PATTERNS, "gradescope", PLAIN)
