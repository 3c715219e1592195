"""Give the feedback pages back to the class, in the form in which each platform takes them.

What a platform's importer does not understand it leaves out without a word, and some find the student by a number that
others use for something else. So everything here is written by the rules of the importers, and whoever gets no page is
listed with the reason.
"""

import email.message
import email.policy
import hashlib
import io
import json
import re
import zipfile
from collections.abc import Callable, Mapping
from typing import NamedTuple

from coursegrader.platforms import NOTEBOOK, split_label
from coursegrader.report import as_csv
from coursegrader.roster import Person, Roster
from coursegrader.submissions import ExportedFile

TIMESTAMP = "timestamp.txt"
SECRET = "submission_secret.txt"
_MAX_NOTE = 10_000  # bytes of such a file
_MAX_NAME = 80  # characters of a student's name in the name of a file
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first time that an archive can hold


class Page(NamedTuple):
    """The feedback page of a student.

    Attributes
    ----------
    student : str
        The student as records write it.
    file : str
        The name of the student's record, which is safe as the name of a file.
    content : str
        The page, HTML.
    notebook : str
        The path of the notebook that was graded, in what was handed in, or empty.
    score, max_score : float
        The points, and how many there are.
    """

    student: str
    file: str
    content: str
    notebook: str
    score: float
    max_score: float


class Parcel(NamedTuple):
    """What goes to a platform.

    Attributes
    ----------
    files : dict of str to bytes
        The content by name.
    missing : dict of str to str
        Students whose page is not in it, and why.
    """

    files: dict[str, bytes]
    missing: dict[str, str]


def zip_files(files: Mapping[str, bytes]) -> bytes:
    """Return a zip archive of files; the same files give the same archive."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in sorted(files):
            info = zipfile.ZipInfo(name, _EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o600 << 16
            archive.writestr(info, files[name])
    return stream.getvalue()


def for_moodle(pages: list[Page], people: Mapping[str, Person], roster: Roster, *, assignment: str) -> dict[str, bytes]:
    """Return the files for Moodle's *Upload multiple feedback files in a zip*, by name.

    mod/assign/feedback/file/importziplib.php splits a name at underscores, finds the participant by what is second, and
    ignores names that begin with "." or "~". What is fifth is the name that the student sees.
    """
    files = {}
    for page in pages:
        if person := people.get(page.student):
            name = _plain_name(page.student)
            names = f"{name}_{roster.number(person)}_assignsubmission_file_feedback-{assignment}.html"
            files[names] = page.content.encode()
    return files


def for_canvas(pages: list[Page], files: Mapping[str, list[ExportedFile]]) -> Parcel:
    """Return the files for Canvas's *Upload Feedback*, by name.

    infer_comment_context_from_filename in app/models/abstract_assignment.rb splits a name at underscores, and takes the
    first two parts that are numbers as the user and one of the files that this user handed in. The student gets what is
    uploaded under the name of that file: a page under the name week-1.ipynb could not be opened. So whoever handed in a
    notebook gets a notebook, and whoever handed in an archive an archive.
    """
    packed, missing = {}, {}
    for page in pages:
        attachments = [found for file in files.get(page.student, []) if (found := _attachment(file))]
        usable = [found for found in attachments if _dress(found.name)]
        if not usable:
            what = "only files of other kinds were" if attachments else "nothing that Canvas could attach it to was"
            missing[page.student] = f"{what} handed in"
            continue
        last = max(usable, key=lambda attachment: attachment.number)
        ending, dress = _dress(last.name) or ("", _as_page)
        name = _plain_name(page.student).replace(" ", "")
        name = f"student{name}" if name.isdecimal() else name  # or it would be taken for the user
        user = last.user if last.user.startswith("anon_") else f"{name}_{last.user}"
        packed[f"{user}_{last.number}_feedback{ending}"] = dress(page)
    return Parcel(packed, missing)


class _Attachment(NamedTuple):
    user: str
    number: int
    name: str


def _attachment(file: ExportedFile) -> _Attachment | None:
    """Return what Canvas's name of a file says; text entries and links have no file."""
    origin = file.origin
    if file.platform != "canvas" or len(file.path) > 1 or not origin.file:
        return None
    prefix = file.path[0].removesuffix(origin.file).removesuffix("_")
    return _Attachment(origin.number or origin.student, int(prefix.rpartition("_")[2]), origin.file)


def _dress(name: str) -> tuple[str, Callable[[Page], bytes]] | None:
    """Return an ending, and a function that makes of a page what can be opened under a name."""
    if NOTEBOOK.fullmatch(name):
        return ".ipynb", _as_notebook
    ending = name.rpartition(".")[2].lower()
    return {"zip": (".zip", _as_archive), "html": (".html", _as_page), "htm": (".html", _as_page)}.get(ending)


def _as_page(page: Page) -> bytes:
    return page.content.encode()


def _as_archive(page: Page) -> bytes:
    return zip_files({"feedback.html": page.content.encode()})


def _as_notebook(page: Page) -> bytes:
    """Return a notebook with the page in a cell of text.

    In one line, and without dollars, all of it is HTML: Markdown would look for its own signs behind an empty line, and
    Jupyter for formulas between dollars.
    """
    body = re.search(r"<body>(.*)</body>", page.content, re.DOTALL)
    text = (body[1] if body else page.content).strip().replace("\n", "&#10;").replace("$", "&#36;")
    cell = {"cell_type": "markdown", "id": "feedback", "metadata": {}, "source": f"<div>{text}</div>"}
    return json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, indent=1).encode()


def for_nbgrader(pages: list[Page], files: Mapping[str, list[ExportedFile]], *, assignment: str) -> Parcel:
    """Return the files for ``nbgrader release_feedback``, by path in the course's folder ``feedback``.

    It publishes each page under a hash of the notebook's name and a secret that was made when the student submitted,
    under which only ``nbgrader fetch_feedback`` of this student finds it.
    """
    packed, missing = {}, {}
    for page in pages:
        inside = [file for file in files.get(page.student, []) if file.path[1:-1] == (assignment,)]
        notes = {file.path[-1]: file for file in inside if file.path[-1] in (TIMESTAMP, SECRET)}
        if notes.keys() != {TIMESTAMP, SECRET}:
            missing[page.student] = "nbgrader has not collected it: there is no secret beside the notebook"
            continue
        student = notes[SECRET].path[0]
        if student in (".", "..") or "/" in student:
            missing[page.student] = "this cannot be the name of a folder"
            continue
        folder = f"{student}/{assignment}"
        packed[f"{folder}/{_notebook_id(page, student, assignment)}.html"] = page.content.encode()
        for name, file in notes.items():
            packed[f"{folder}/{name}"] = file.read(_MAX_NOTE)[:_MAX_NOTE]
    return Parcel(packed, missing)


def _notebook_id(page: Page, student: str, assignment: str) -> str:
    """Return the name of the notebook that was graded, if it is where nbgrader looks for notebooks."""
    *folders, name = page.notebook.split("/")
    found = NOTEBOOK.fullmatch(name)
    return found["stem"] if found and folders == [student, assignment] else assignment


def for_email(pages: list[Page], people: Mapping[str, Person], roster: Roster, *, assignment: str) -> Parcel:
    """Return a table for a mail merge, ``mail.csv``, and a message for each student, ``mail/NAME.eml``.

    The column ``file`` is the path of the page in the folder of grades. A message has no sender and no date: the
    program that sends it adds both.
    """
    rows: list[list[object]] = [["email", "name", "file", "score", "max_score", "text"]]
    packed, missing = {}, {}
    addresses = roster.addresses()
    for page in pages:
        if not (person := people.get(page.student)):
            continue
        address = addresses.get(person.row)
        if not address:
            missing[page.student] = "no e-mail address of its own on the roster"
            continue
        text = f"{assignment}: {page.score} of {page.max_score} points. The page that comes with this says why."
        name = split_label(person.label)[0]
        rows.append([address, name, f"feedback/{page.file}.html", page.score, page.max_score, text])
        packed[f"mail/{page.file}.eml"] = _message(page, address, text, assignment=assignment)
    return Parcel({"mail.csv": as_csv(rows).encode(), **packed}, missing)


def _message(page: Page, address: str, text: str, *, assignment: str) -> bytes:
    message = email.message.EmailMessage(policy=email.policy.default)
    message["To"] = address
    message["Subject"] = f"Feedback: {assignment}"
    message.set_content(f"{text}\n")
    message.add_attachment(page.content, subtype="html", filename=f"feedback-{assignment}.html")
    message.set_boundary(hashlib.sha256(page.content.encode()).hexdigest()[:32])  # random by default
    return message.as_bytes()


def _plain_name(student: str) -> str:
    """Return a student's name for the name of a file, without what importers read as something else."""
    name = re.sub(r"[^\w' .-]|_", " ", split_label(student)[0])
    return " ".join(name.split())[:_MAX_NAME].strip(" .-") or "student"
