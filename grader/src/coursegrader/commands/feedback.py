"""``feedback``: give the pages of feedback back to the class."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from coursegrader.commands import WIDE, add_grades, warn

if TYPE_CHECKING:
    from coursegrader.commands import Commands
    from coursegrader.feedback import Page, Parcel
    from coursegrader.gradebook import Gradebook
    from coursegrader.submissions import ExportedFile


def add(commands: "Commands") -> None:
    """Add the command."""
    feedback = commands.add_parser(
        "feedback",
        help="give the feedback back: Moodle, Canvas, nbgrader, e-mail",
        description="Write what a platform takes to give each student the page of feedback in GRADES.",
        **WIDE,
    )
    add_grades(feedback)
    feedback.add_argument("--for", dest="platform", choices=tuple(_PLATFORMS), required=True, help="where it goes")
    feedback.add_argument("--out", metavar="DIR", type=Path, help="where to write (default: GRADES/for-PLATFORM)")
    feedback.add_argument(
        "--roster", metavar="FILE", type=Path, help="a class list (CSV); for moodle, the grading worksheet"
    )
    feedback.set_defaults(run=_feedback)


def _feedback(options: argparse.Namespace) -> int:
    from coursegrader.gradebook import Gradebook

    book = Gradebook.open(options.grades)
    with book.locked():
        return _write_parcel(options, book)


def _write_parcel(options: argparse.Namespace, book: "Gradebook") -> int:
    """Write the tables and what goes to the platform; return the exit code."""
    from coursegrader.feedback import Page

    if options.roster:
        book.remember_tables({"roster": options.roster})
    book.write_tables(tell=lambda line: warn([line]))
    marks = book.marks()
    _, name, _ = book.assignment()
    pages = [
        Page(
            record["student"],
            record["file"],
            (book.folder / "feedback" / f"{record['file']}.html").read_text(encoding="utf-8"),
            record.get("notebook", ""),
            record["score"],
            record["max_score"],
        )
        for record in marks.records
    ]
    parcel = _PLATFORMS[options.platform](book, pages, name)
    folder = options.out or book.folder / f"for-{options.platform}"
    _write(parcel.files, folder, root=options.out or book.folder)
    missing = {student: reason.rstrip(".") for student, reason in sorted((marks.ungraded | parcel.missing).items())}
    print(f"written: {folder}, with the pages of {len(pages) - len(parcel.missing)} students")
    if missing:
        print(f"no page for {len(missing)}: {'; '.join(f'{student} ({missing[student]})' for student in missing)}")
    return 0


def _write(files: dict[str, bytes], folder: Path, *, root: Path) -> None:
    """Write the files, and move messages of an earlier run that are no more among them to the earlier ones.

    nbgrader publishes a page with the rights that it has here; other users cannot get into its folder.
    """
    from coursegrader.files import keep, make_folder, write

    for name, content in files.items():
        file = folder / name
        make_folder(file.parent)
        write(file, content, root=root, private=True)
        if file.suffix == ".html":
            file.chmod(0o644)
    for file in sorted((folder / "mail").glob("*.eml")):
        if f"mail/{file.name}" not in files:
            keep(file, root)
            file.unlink()


def _moodle(book: "Gradebook", pages: "list[Page]", name: str) -> "Parcel":
    from coursegrader.feedback import Parcel, for_moodle, zip_files
    from coursegrader.roster import identify

    roster = book.roster()
    if not roster or not roster.is_worksheet:
        raise ValueError("--for moodle needs the grading worksheet of the assignment: name it with --roster")
    people, missing = identify(roster, [page.student for page in pages])
    return Parcel({"feedback.zip": zip_files(for_moodle(pages, people, roster, assignment=name))}, missing)


def _read_files(book: "Gradebook") -> "dict[str, list[ExportedFile]]":
    """Return what each student handed in; warn of archives without which nothing can be given back."""
    _, lost = book.places()
    warn(f"{path}: no longer there, so no page goes to those whose work is in it" for path in lost)
    return book.files()


def _canvas(book: "Gradebook", pages: "list[Page]", name: str) -> "Parcel":
    from coursegrader.feedback import Parcel, for_canvas, zip_files

    files, missing = for_canvas(pages, _read_files(book))
    if not files:
        where = ", ".join(book.about["submissions"])
        raise ValueError(f"--for canvas: no file in {where} has a name that Canvas wrote")
    return Parcel({"feedback.zip": zip_files(files)}, missing)


def _nbgrader(book: "Gradebook", pages: "list[Page]", name: str) -> "Parcel":
    from coursegrader.feedback import Parcel, for_nbgrader

    graded = {record["student"]: record["digest"] for record in book.records()}
    now = {submission.student: submission.digest for submission in (read() for read in book.submissions())}
    later = {
        page.student: "handed in again since it was graded; grade first"
        for page in pages
        if now.get(page.student, graded[page.student]) != graded[page.student]
    }
    files, missing = for_nbgrader(
        [page for page in pages if page.student not in later], _read_files(book), assignment=name
    )
    return Parcel(files, missing | later)


def _email(book: "Gradebook", pages: "list[Page]", name: str) -> "Parcel":
    from coursegrader.feedback import Parcel, for_email
    from coursegrader.roster import identify

    roster = book.roster()
    if not roster:
        raise ValueError("--for email needs a class list with a column of addresses: name it with --roster")
    people, unknown = identify(roster, [page.student for page in pages])
    files, missing = for_email(pages, people, roster, assignment=name)
    return Parcel(files, missing | unknown)


_PLATFORMS: "dict[str, Callable[[Gradebook, list[Page], str], Parcel]]" = {
    "moodle": _moodle,
    "canvas": _canvas,
    "nbgrader": _nbgrader,
    "email": _email,
}
