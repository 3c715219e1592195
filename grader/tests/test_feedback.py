"""What goes back to a platform, read by the rules of its importer; none of them is read with code that writes it."""

import csv
import datetime
import email
import email.policy
import hashlib
import io
import json
import os
import re
import stat
import zipfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import nbformat
import pytest
from bs4 import BeautifulSoup

from coursegrader import cli, files
from coursegrader.feedback import Page, for_canvas, for_email, for_moodle, for_nbgrader, zip_files
from coursegrader.gradebook import Gradebook
from coursegrader.report import as_csv, make_feedback
from coursegrader.roster import Roster, identify, match_people, read_roster
from coursegrader.submissions import ExportedFile, find_files

SOURCE = str(Path(__file__).parent / "course")
WORKSHEET = """Identifier,Full name,Email address,Status,Grade,Maximum Grade,Last modified (submission),\
Last modified (grade),Feedback comments
Participant 101,Zoë Müller,zoe@example.edu,Submitted,,100.00,"Friday, 2 October 2026, 9:00 AM",-,
Participant 102,Bob O'Neill,bob@example.edu,Submitted,40.00,100.00,"Friday, 2 October 2026, 9:00 AM",\
"Monday, 5 October 2026, 9:00 AM",Well done
Participant 103,Eve Adams,eve@example.edu,No submission,,100.00,-,-,
"""
GERMAN = """ID,Vollständiger Name,Status,Bewertung,Bestwertung,Zuletzt geändert (Abgabe),\
Zuletzt geändert (Bewertung),Feedback als Kommentar
Teilnehmer/in101,Zoë Müller,Abgegeben,,"100,00","Freitag, 2. Oktober 2026, 09:00",-,
Teilnehmer/in102,Bob O'Neill,Abgegeben,"40,00","100,00","Freitag, 2. Oktober 2026, 09:00",\
"Montag, 5. Oktober 2026, 09:00",Gut
"""
HEADERS = {
    "en": ("Identifier", "Grade", "Last modified (grade)", "Participant "),
    "de": ("ID", "Bewertung", "Zuletzt geändert (Bewertung)", "Teilnehmer/in"),
}
GRADED = "2026-10-09T12:00:00+00:00"


def make_page(student: str, *, score: float = 7, notebook: str = "") -> Page:
    record = {"student": student, "score": score, "max_score": 14, "problem": "Pay $5,\nor $6 & <b>", "questions": []}
    content = make_feedback(record, assignment="week-1")
    return Page(student, hashlib.sha256(student.encode()).hexdigest()[:8], content, notebook, score, 14)


def roster_of(folder: Path, text: str) -> Roster:
    file = folder / "roster.csv"
    file.write_text(text, encoding="utf-8")
    return read_roster(file)


def owner(content: bytes | str) -> str:
    """Return whose page it is."""
    return BeautifulSoup(content, "html.parser").select("p")[0].text.partition(":")[0]


def import_into_moodle(archive: bytes, participants: Mapping[int, str]) -> dict[int, dict[str, bytes]]:
    """assignfeedback_file_zip_importer: is_valid_filename_for_import and import_zip_files."""
    found: dict[int, dict[str, bytes]] = {}
    for info in zipfile.ZipFile(io.BytesIO(archive)).infolist():
        if info.is_dir() or PurePosixPath(info.filename).name.startswith((".", "~")):
            continue
        parts = ["", "import", *info.filename.split("/")]
        while parts:
            words = parts.pop(0).split("_", 4)
            if len(words) < 4 or not re.fullmatch(r"\d+", words[1]) or int(words[1]) not in participants:
                continue
            if words[2] not in ("assignsubmission", "assignfeedback") or words[3] != "file":
                continue
            name = "/".join([*words[4:5], *parts])
            found.setdefault(int(words[1]), {})[name] = archive_content(archive, info.filename)
            break
    return found


def archive_content(archive: bytes, name: str) -> bytes:
    return zipfile.ZipFile(io.BytesIO(archive)).read(name)


def moodle_time(text: str) -> float:
    """Return what PHP's strtotime knows: ISO 8601 and English; all else is false, which is 0."""
    for form in ("%A, %d %B %Y, %I:%M %p", "%Y-%m-%dT%H:%M:%S%z"):
        try:
            return datetime.datetime.strptime(text, form).replace(tzinfo=datetime.UTC).timestamp()
        except ValueError:
            pass
    return 0


def upload_to_moodle(
    table: str, grades: dict[int, tuple[float, str]], *, language: str, maximum: float
) -> dict[int, float]:
    """assign_feedback_offline, process_import_grades; `grades` are there already, with when they were changed."""
    identifier, grade, modified, participant = HEADERS[language]
    taken = {}
    for row in csv.DictReader(io.StringIO(table, newline="")):
        number = int(row[identifier].removeprefix(participant))
        value = float(row[grade].replace(",", ".") or -1)
        old, changed = grades.get(number, (None, ""))
        stale = old is not None and moodle_time(changed) > moodle_time(row[modified]) + 60
        if value != old and 0 <= value <= maximum and not stale:
            taken[number] = value
    return taken


def upload_to_canvas(
    files: Mapping[str, bytes], handed_in: Mapping[str, dict[str, str]], groups: tuple[str, ...] = ()
) -> dict[str, dict[str, bytes]]:
    """infer_comment_context_from_filename; `handed_in` has the names of files by user, or anonymous id, and by number.

    Returns what each user finds: the contents by the names that Canvas gives them.
    """
    found: dict[str, dict[str, bytes]] = {}
    for path, content in files.items():
        name = path.rpartition("/")[2]
        for group in groups:
            if name.startswith(f"{group}_"):
                name = name.removeprefix(f"{group}_")
                break
        words = [word for word in name.split("_") if word != "LATE"]
        numbers = words[1:3] if words[0] == "anon" else [word for word in words if re.fullmatch(r"\d+", word)][:2]
        if len(numbers) == 2 and not words[-1].startswith("link") and numbers[1] in handed_in.get(numbers[0], {}):
            found.setdefault(numbers[0], {})[handed_in[numbers[0]][numbers[1]]] = content
    return found


def exported(folder: Path, *names: str) -> dict[str, list[ExportedFile]]:
    archive = folder / "submissions.zip"
    with zipfile.ZipFile(archive, "w") as stream:
        for name in names:
            stream.writestr(name, "{}")
    return find_files([archive], assignment="week-1")


def test_moodle_gives_each_page_to_its_participant(tmp_path: Path) -> None:
    """A name can have what the importer takes for its own signs; a page sent again replaces the first."""
    roster = roster_of(tmp_path, WORKSHEET.replace("Eve Adams", "~Eve_102_assignsubmission_file_x"))
    students = ["Zoë Müller (101)", "Bob ONeill (102)", "~Eve_102_assignsubmission_file_x (103)"]
    people, reasons = identify(roster, students)
    assert not reasons
    files = for_moodle([make_page(student) for student in students], people, roster, assignment="week_1")
    found = import_into_moodle(zip_files(files), {101: "", 102: "", 103: ""})
    assert {number: [*found[number]] for number in found} == {
        101: ["feedback-week_1.html"], 102: ["feedback-week_1.html"], 103: ["feedback-week_1.html"],
    }  # fmt: skip
    assert [owner(found[number]["feedback-week_1.html"]) for number in (101, 102, 103)] == students


def test_group_with_the_number_of_a_participant_gets_neither_mark_nor_page(tmp_path: Path) -> None:
    roster = roster_of(tmp_path, WORKSHEET)
    people, reasons = identify(roster, ["Team A (101)", "Bob O'Neill (102)", "Nobody (9)"])
    assert list(people) == ["Bob O'Neill (102)"]
    records = [{"student": student, "score": 9, "problem": ""} for student in ("Team A (101)", "Bob O'Neill (102)")]
    remarked, absent, scores = match_people(roster, records, [])
    assert remarked[0]["problem"] == "On the roster, this number is somebody else's."
    assert list(absent) == ["Zoë Müller (101)", "Eve Adams (103)"]
    assert scores == {2: "9"}
    assert reasons == {
        "Team A (101)": "on the roster, 101 is Zoë Müller (101)",
        "Nobody (9)": "not on the roster",
    }


def test_names_hidden_by_moodle_are_known_by_their_numbers(tmp_path: Path) -> None:
    roster = roster_of(tmp_path, "Identifier,Status,Grade,Maximum Grade\nParticipant 101,Submitted,,14.00\n")
    assert list(identify(roster, ["Participant (101)", "Team (101)"])[0]) == ["Participant (101)"]


def test_two_submissions_of_one_person_are_not_mixed(tmp_path: Path) -> None:
    people, reasons = identify(roster_of(tmp_path, WORKSHEET), ["Zoë Müller (101)", "zoe@example.edu"])
    assert not people
    assert set(reasons.values()) == {"another row, too, is of Zoë Müller (101)"}


@pytest.mark.parametrize(("text", "language"), [(WORKSHEET, "en"), (GERMAN, "de")])
def test_moodle_takes_new_marks_scaled_and_keeps_what_was_changed_since(
    tmp_path: Path, text: str, language: str
) -> None:
    """Bob's first grade is older than the new mark, and Zoë's was changed by hand after it."""
    roster = roster_of(tmp_path, text)
    filled = roster.filled({1: "14", 2: "9.5"}, most=14)
    assert filled
    table = as_csv(roster.dated(filled, {1: GRADED, 2: GRADED}))
    assert upload_to_moodle(table, {}, language=language, maximum=100) == {101: 100, 102: 67.85714}
    before = {101: (90.0, "2026-10-09T13:00:00+0000"), 102: (40.0, "Monday, 5 October 2026, 9:00 AM")}
    assert upload_to_moodle(table, before, language=language, maximum=100) == {102: 67.85714}
    rows = list(csv.reader(io.StringIO(table, newline="")))
    assert [row[-1] for row in rows] == [row[-1] for row in roster.table], "comments stay as they are"


def test_canvas_gives_each_page_to_its_student_under_a_name_that_opens(tmp_path: Path) -> None:
    """Names are the students' own: one that begins with "link", or has numbers, or of a file of another kind."""
    files = exported(
        tmp_path,
        *("müllerzoë_101_501_week-1.ipynb", "müllerzoë_101_507_week-1-1.ipynb", "oneillbob_LATE_102_502_link_9.ipynb"),
        *("evea_103_503_work_104_504.zip", "danb_104_text.html", "cyc_105_505_scan.pdf", "fayd_106_506_page.HTML"),
        "101_107_508_week-1.ipynb",
    )
    pages = [make_page(student) for student in files]
    parcel = for_canvas(pages, files)
    handed_in = {
        "101": {"501": "week-1.ipynb", "507": "week-1-1.ipynb"}, "102": {"502": "link_9.ipynb"},
        "103": {"503": "work_104_504.zip"}, "105": {"505": "scan.pdf"}, "106": {"506": "page.HTML"},
        "107": {"508": "week-1.ipynb"},
    }  # fmt: skip
    found = upload_to_canvas(parcel.files, handed_in, groups=("müllerzoë", "101"))
    assert {user: [*found[user]] for user in sorted(found)} == {
        "101": ["week-1-1.ipynb"], "102": ["link_9.ipynb"], "103": ["work_104_504.zip"], "106": ["page.HTML"],
        "107": ["week-1.ipynb"],
    }  # fmt: skip
    notebook = nbformat.reads(found["102"]["link_9.ipynb"].decode(), as_version=4)
    nbformat.validate(notebook)
    assert owner(notebook.cells[0].source) == "oneillbob (102)"
    assert owner(archive_content(found["103"]["work_104_504.zip"], "feedback.html")) == "evea (103)"
    assert owner(found["106"]["page.HTML"]) == "fayd (106)"
    assert parcel.missing == {
        "danb (104)": "nothing that Canvas could attach it to was handed in",
        "cyc (105)": "only files of other kinds were handed in",
    }


def test_notebook_for_canvas_is_shown_as_the_page(tmp_path: Path) -> None:
    """Markdown takes an empty line for the end of HTML, and Jupyter what is between dollars for a formula."""
    page = make_page("zoë (101)")._replace(content="<html><body><pre>a\n\n*b*\n$x$</pre></body></html>")
    files = exported(tmp_path, "zoë_101_501_x.ipynb")
    (content,) = for_canvas([page], files).files.values()
    source = json.loads(content)["cells"][0]["source"]
    assert "\n" not in source
    assert "$" not in source
    assert BeautifulSoup(source, "html.parser").select("pre")[0].text == "a\n\n*b*\n$x$"


def test_canvas_finds_anonymous_students(tmp_path: Path) -> None:
    files = exported(tmp_path, "anon_aB3x9_501_week-1.ipynb", "LATE_anon_7Kq2z_502_week-1.ipynb")
    handed_in = {"aB3x9": {"501": "week-1.ipynb"}, "7Kq2z": {"502": "week-1.ipynb"}}
    found = upload_to_canvas(for_canvas([make_page(student) for student in files], files).files, handed_in)
    assert {
        user: owner(json.loads(contents["week-1.ipynb"])["cells"][0]["source"]) for user, contents in found.items()
    } == {"aB3x9": "anon_aB3x9", "7Kq2z": "anon_7Kq2z"}


def test_pages_of_other_platforms_do_not_go_to_canvas(tmp_path: Path) -> None:
    for name in (
        "Zoë Müller_101_assignsubmission_file_/week-1.ipynb",
        "Zoë Müller_101_assignsubmission_file_5_x.ipynb",
    ):
        assert for_canvas([make_page("Zoë Müller (101)")], exported(tmp_path, name)).files == {}


def test_nbgrader_finds_the_page_under_the_secret_of_the_submission(tmp_path: Path) -> None:
    """release_feedback.py and fetch_feedback.py of nbgrader 0.9.6."""
    for student, name in (("ada", "week-1"), ("bob", "my_solution"), ("cid", "week-1")):
        folder = tmp_path / "submitted" / student / "week-1"
        folder.mkdir(parents=True)
        (folder / f"{name}.ipynb").write_text("{}")
        (folder / "timestamp.txt").write_text("2026-10-09 12:00:00.000000 UTC")
        (folder / "submission_secret.txt").write_text(f"secret of {student}")
    (tmp_path / "submitted/cid/week-1/submission_secret.txt").unlink()
    files = find_files([tmp_path / "submitted"], assignment="week-1")
    pages = [
        make_page("ada", notebook="ada/week-1/week-1.ipynb"),
        make_page("bob", notebook="bob/week-1/my_solution.ipynb"),
        make_page("cid", notebook="cid/week-1/week-1.ipynb"),
    ]
    parcel = for_nbgrader(pages, files, assignment="week-1")
    assert parcel.missing == {"cid": "nbgrader has not collected it: there is no secret beside the notebook"}
    released = {}
    for path, content in parcel.files.items():
        student, assignment, name = path.split("/")
        if name.endswith(".html"):
            notes = [
                parcel.files[f"{student}/{assignment}/{note}"] for note in ("timestamp.txt", "submission_secret.txt")
            ]
            assert notes[0] == b"2026-10-09 12:00:00.000000 UTC"
            released[hashlib.md5(notes[1] + name.removesuffix(".html").encode()).hexdigest()] = content
    for student, name in (("ada", "week-1"), ("bob", "my_solution")):
        assert owner(released[hashlib.md5(f"secret of {student}{name}".encode()).hexdigest()]) == student


def test_message_and_table_have_the_right_page_for_each_address(tmp_path: Path) -> None:
    text = (
        'Name,SID,Email\nZoë Müller,101,zoe@example.edu\nBob O\'Neill,102,"b@x.edu, eve@x.edu"\n'
        "Cy Lee,103,office@example.edu\nDan Lee,104,Office@example.edu\nEve Adams,105,eve@example.edu\n"
    )
    roster = roster_of(tmp_path, text)
    pages = [make_page(student) for student in ("Zoë Müller (101)", "Bob O'Neill", "Cy Lee", "Dan Lee", "Eve Adams")]
    people, _ = identify(roster, [page.student for page in pages])
    parcel = for_email(pages, people, roster, assignment="week-1")
    assert set(parcel.missing) == {"Bob O'Neill", "Cy Lee", "Dan Lee"}
    rows = list(csv.DictReader(io.StringIO(parcel.files["mail.csv"].decode(), newline="")))
    assert [(row["email"], row["name"], row["file"]) for row in rows] == [
        ("zoe@example.edu", "Zoë Müller", f"feedback/{pages[0].file}.html"),
        ("eve@example.edu", "Eve Adams", f"feedback/{pages[4].file}.html"),
    ]
    for page, address in ((pages[0], "zoe@example.edu"), (pages[4], "eve@example.edu")):
        message: Any = email.message_from_bytes(parcel.files[f"mail/{page.file}.eml"], policy=email.policy.default)
        assert [str(name) for name in message["To"].addresses] == [address]
        assert re.search(rb'boundary="\w+"', parcel.files[f"mail/{page.file}.eml"]), "in a form that all programs read"
        (attached,) = message.iter_attachments()
        assert attached.get_filename() == "feedback-week-1.html"
        assert owner(attached.get_content()) == page.student
        assert message.get_body().get_content().startswith("week-1: 7 of 14 points.")
    assert len(parcel.files) == 3


def test_same_pages_give_the_same_bytes(tmp_path: Path) -> None:
    roster = roster_of(tmp_path, WORKSHEET)
    pages = [make_page("Zoë Müller (101)"), make_page("Bob O'Neill (102)")]
    people, _ = identify(roster, [page.student for page in pages])
    made = [
        (
            zip_files(for_moodle(order, people, roster, assignment="week-1")),
            for_email(order, people, roster, assignment="week-1").files[f"mail/{pages[0].file}.eml"],
        )
        for order in (pages, pages[::-1])
    ]
    assert made[0] == made[1]


@pytest.fixture
def grades(tmp_path: Path) -> Path:
    """A folder of grades of Zoë and Bob, which says nothing of where they handed in; Eve is absent."""
    command = ["assignment", "build", "week-1", "--exercises", "predict-top", "--source", SOURCE]
    assert cli.main([*command, "--out", str(tmp_path / "week-1")]) == 0
    book = Gradebook(tmp_path / "grades")
    book.remember(tmp_path / "week-1", [], platform="", unsafe=True)
    questions = [{"id": "predict-top", "title": "Top", "score": 1, "max_score": 2, "remark": "", "tests": []}]
    for student, file in (("Zoë Müller (101)", "zoe"), ("Bob O'Neill (102)", "bob")):
        about = {"student": student, "file": file, "digest": file, "problem": "", "score": 1, "max_score": 2}
        files.write(
            book.folder / f"records/{file}.json", json.dumps({**about, "questions": questions}), root=book.folder
        )
    (tmp_path / "worksheet.csv").write_text(WORKSHEET, encoding="utf-8")
    return book.folder


def test_command_writes_the_archive_and_lists_who_has_no_page(
    grades: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["feedback", str(grades), "--for", "moodle"]) == 1
    assert "grading worksheet" in capsys.readouterr().err
    command = ["feedback", str(grades), "--for", "moodle", "--roster", str(tmp_path / "worksheet.csv")]
    assert cli.main(command) == 0
    captured = capsys.readouterr()
    assert captured.err.count("moodle.csv: 2 points count as 100") == 1
    output = captured.out.splitlines()
    assert output[-2:] == [
        f"written: {grades / 'for-moodle'}, with the pages of 2 students",
        "no page for 1: Eve Adams (103) (Nothing was handed in)",
    ]
    archive = grades / "for-moodle" / "feedback.zip"
    found = import_into_moodle(archive.read_bytes(), {101: "", 102: "", 103: ""})
    assert {number: owner(found[number]["feedback-week-1.html"]) for number in found} == {
        101: "Zoë Müller (101)", 102: "Bob O'Neill (102)",
    }  # fmt: skip
    assert upload_to_moodle((grades / "moodle.csv").read_text("utf-8"), {}, language="en", maximum=100) == {
        101: 50, 102: 50,
    }  # fmt: skip
    assert not files.exposed(archive)
    before = archive.read_bytes()
    assert cli.main(command[:-2]) == 0
    assert archive.read_bytes() == before
    assert capsys.readouterr().err.count("count as") == 0, "once, with the worksheet, is enough"


def test_mark_keeps_its_time_until_it_changes(grades: Path, tmp_path: Path) -> None:
    assert cli.main(["tables", str(grades), "--roster", str(tmp_path / "worksheet.csv")]) == 0
    dated = json.loads((grades / "dated.json").read_text())
    early = {student: {**about, "time": GRADED} for student, about in dated.items()}
    (grades / "dated.json").write_text(json.dumps(early))
    record = json.loads((grades / "records/bob.json").read_text())
    record["questions"][0]["score"] = 2
    (grades / "records/bob.json").write_text(json.dumps(record))
    assert cli.main(["tables", str(grades)]) == 0
    with (grades / "moodle.csv").open(newline="", encoding="utf-8") as stream:
        times = [row["Last modified (grade)"] for row in csv.DictReader(stream)]
    assert times[0] == GRADED
    assert times[1] > GRADED
    assert times[2] == "-"


def test_message_of_an_earlier_run_is_not_sent_again(grades: Path, tmp_path: Path) -> None:
    command = ["feedback", str(grades), "--for", "email", "--roster", str(tmp_path / "worksheet.csv")]
    assert cli.main(command) == 0
    assert sorted(file.name for file in (grades / "for-email/mail").iterdir()) == ["bob.eml", "zoe.eml"]
    (tmp_path / "worksheet.csv").write_text(WORKSHEET.replace("bob@example.edu", ""), encoding="utf-8")
    assert cli.main(command) == 0
    assert [file.name for file in (grades / "for-email/mail").iterdir()] == ["zoe.eml"]
    assert [file.name[:4] for file in (grades / "earlier/for-email/mail").iterdir()] == ["bob."]


def test_nbgrader_can_publish_only_what_was_graded(
    grades: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It copies a page with its rights, and students have to read it; Bob handed in again."""
    book = Gradebook.open(grades)
    for record in book.records():
        folder = tmp_path / "submitted" / record["file"] / "week-1"
        folder.mkdir(parents=True)
        for name in ("week-1.ipynb", "timestamp.txt", "submission_secret.txt"):
            (folder / name).write_text(record["file"])
    book.remember(tmp_path / "week-1", [tmp_path / "submitted"], platform="", unsafe=True)
    digests = {submission.student: submission.digest for submission in (read() for read in book.submissions())}
    for record in book.records():
        about = {**record, "student": record["file"], "digest": digests[record["file"]], "notebook": ""}
        files.write(grades / f"records/{record['file']}.json", json.dumps(about), root=grades)
    (tmp_path / "submitted/bob/week-1/week-1.ipynb").write_text("{}")
    mask = os.umask(0o077)
    assert cli.main(["feedback", str(grades), "--for", "nbgrader", "--out", str(tmp_path / "feedback")]) == 0
    os.umask(mask)
    assert "no page for 1: bob (handed in again since it was graded; grade first)" in capsys.readouterr().out
    found = {file.relative_to(tmp_path / "feedback").as_posix(): file for file in tmp_path.glob("feedback/*/*/*")}
    assert {path: stat.S_IMODE(file.stat().st_mode) for path, file in found.items()} == {
        "zoe/week-1/week-1.html": 0o644, "zoe/week-1/timestamp.txt": 0o600, "zoe/week-1/submission_secret.txt": 0o600,
    }  # fmt: skip
    assert not files.exposed(tmp_path / "feedback/zoe")


def test_nothing_goes_to_canvas_that_did_not_come_from_it(grades: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["feedback", str(grades), "--for", "canvas"]) == 1
    assert "has a name that Canvas wrote" in capsys.readouterr().err
