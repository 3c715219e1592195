"""A whole course: 30 students hand in on three platforms, and their marks are those that were worked out by hand.

What goes back to the platforms is read by the rules of their importers, with no code that writes it.
"""

import contextlib
import csv
import hashlib
import io
import json
import re
import threading
import urllib.parse
import zipfile
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import nbformat
import pytest
from bs4 import BeautifulSoup

from coursegrader import cli, sandbox
from coursegrader.gradebook import Gradebook
from coursegrader.marking import Journal, find_items
from coursegrader.marking_page import Session
from coursegrader.marking_server import MarkingServer

# Work is due on January 30, 23:59, in Berlin, with 15 minutes of grace. A day costs 10 % of the 9 points, but 50 % at
# most, and after 7 days no points are left. Times are those of Berlin, in 2026. What was handed in are the answers to
# three questions, of 3 points each. "before" are the points while a test of the first question expects the classes in
# the wrong order, "raw" those after it was repaired. A remark that is too long for its line stands in the next ones.
TABLE = """
id     | name           | handed in                | when        | before | raw | penalty | final | remark
moodle
101    | Zoë Müller     | right right both         | 01-30 22:10 | 7      | 9   | 0       | 9     |
102    | Jürgen Groß    | right low first + blank  | 01-30 23:59 | 4      | 6   | 0       | 6     |
    Of several notebooks, week-1.ipynb was graded, not week-1-1.ipynb.
103    | Bob O'Neill    | pdf                      | 01-29 08:00 | 0      | 0   | 0       | 0     |
    No notebook was handed in, only scan.pdf.
104    | Eve Adams      | nothing                  |             |        |     |         |       |
    Nothing was handed in.
105    | Łukasz Żak     | right right both         | 02-01 02:00 | 7      | 9   | 1.8     | 7.2   |
    Late by 1 d 2 h: 1.8 points less (20 % of the maximum).
106    | Ana Lima       | right right none         | 02-05 12:00 | 4      | 6   | 0       | 6     |
107    | Chen Wei       | blank                    | 01-30 22:10 | 0      | 0   | 0       | 0     |
108    | Dan Roe        | ascending right first    | 01-28 10:00 | 7      | 5   | 0       | 5     |
109    | Mia Sand       | right right both         | 01-30 10:00 | 7      | 9   | 0       | 9     |
    Marked for the group Team 7.
110    | Tom Reed       | nothing                  |             | 7      | 9   | 0       | 9     |
    Marked for the group Team 7, with the notebook of Mia Sand.
canvas
201    | Lovelace, Ada  | right right both         |             | 7      | 9   | 0       | 9     |
202    | Çelik, Özlem   | right right both         | 01-31 14:20 | 7      | 9   | 0.9     | 8.1   |
    Late by 14 h 20 min: 0.9 points less (10 % of the maximum).
203    | Diaz, José     | right low none           | LATE        | 2      | 4   | 0       | 4     |
    Late, as the platform says, and not by how much; nothing was deducted.
204    | Park, Jin      | blank + right right both |             | 7      | 9   | 0       | 9     |
    Of several notebooks, parkjin_204_5009_week-1-1.ipynb was graded, not parkjin_204_5008_week-1.ipynb.
205    | Kaya, Emre     | zip right right odd      |             | 7      | 9   | 0       | 9     |
206    | Costa, João    | pdf                      |             | 0      | 0   | 0       | 0     |
    No notebook was handed in, only costajoão_206_5012_scan.pdf.
207    | Byron, Alan    | as 201                   |             | 7      | 9   | 0       | 9     |
208    | Neri, Pia      | right low both           |             | 6.5    | 8.5 | 0       | 8.5   |
209    | Holt, Ivy      | nothing                  |             |        |     |         |       |
    Nothing was handed in.
210    | Moe, Ann       | two right script         |             | 6.5    | 6.5 | 0       | 6.5   |
nbgrader
bach   |                | right right both         | 01-30 21:00 | 7      | 9   | 0       | 9     |
curie  |                | right right both         | 01-31 00:10 | 7      | 9   | 0       | 9     |
    Late by 10 min: nothing was deducted.
dirac  |                | right right both         | 02-08 13:00 | 7      | 9   | 9       | 0     |
    Late by 8 d 13 h: too late for points.
euler  |                | right right none         | 02-07 11:00 | 4      | 6   | 0.9     | 5.1   |
    Late by 11 h: 0.9 points less (10 % of the maximum).
fermat |                | right low both           | 01-29 09:00 | 6      | 8   | 0       | 8     |
    Marked for the group G7, with the notebook of gauss; a notebook that differs was handed in, too, and does not
    count: it has 7 points.
gauss  |                | right right first        | 01-30 09:00 | 6      | 8   | 0       | 8     |
    Marked for the group G7.
hopper |                | damaged                  | 01-30 09:00 | 0      | 0   | 0       | 0     |
    The file is not a notebook: it is empty, truncated or of another type.
ito    |                | slow right both          | 01-30 09:00 | 7      | 9   | 0       | 9     |
jordan |                | nothing                  |             |        |     |         |       |
    Nothing was handed in.
kovač  |                | right wrong both         | 02-05 13:00 | 4      | 6   | 4.5     | 1.5   |
    Late by 5 d 13 h: 4.5 points less (50 % of the maximum).
"""
DATES = {
    "moodle": ["106,2026-02-06 23:59"],
    "canvas": ["202,,,,,,,2026-01-31 14:20"],
    "nbgrader": ["euler,2026-02-06 23:59"],
}
GROUPS = {
    "moodle": "group,student\nTeam 7,109\nTeam 7,Tom Reed\n",
    "nbgrader": "group,student\nG7,fermat\nG7,gauss\n",
}
ANSWERS = {
    "right": "return np.argsort(-probabilities, axis=1)[:, :count]",
    "slow": "return np.array([sorted(range(len(p)), key=lambda k: -p[k])[:count] for p in probabilities])",
    "ascending": "return np.argsort(probabilities, axis=1)[:, :count]",
    "two": "return np.argsort(-probabilities, axis=1)[:, :2]",
}
RESCALED = {
    "right": "return images.astype('float32') / 127.5 - 1",
    "low": "return images.astype('float32') / 128 - 1",
    "wrong": "return images * 2 / 255 - 1",
}
TEXTS = {  # and the criteria that they meet, points for something else, and a comment; nobody marks "odd"
    "both": ("Twice as good, they will think. Start at 0.", [0, 1], 0, ""),
    "first": ("It looks twice as good.", [0], 0, ""),
    "none": ("No idea.", [], 0, "Look at the axis."),
    "odd": ("Start it at 0, or they will think twice as good.", None, 0, ""),
    "script": ("It looks twice as good. <script>alert(1)</script>", [0], 0.5, "What <b>else</b>?"),
}
REPAIR = ("key=lambda place: row[place]", "key=lambda place: -row[place]")
BERLIN = ZoneInfo("Europe/Berlin")
TESTS = Path(__file__).parent


class Row(NamedTuple):
    """A student: what was handed in when, and what is expected."""

    id: str
    name: str
    work: str
    when: str
    before: float | None
    raw: float | None
    penalty: float | None
    final: float | None
    remark: str
    platform: str

    @property
    def time(self) -> datetime | None:
        return datetime.fromisoformat(f"2026-{self.when}:00").replace(tzinfo=BERLIN) if "-" in self.when else None

    @property
    def label(self) -> str:
        """What the student is called in the tables."""
        if self.platform == "nbgrader":
            return self.id
        written = self.platform == "canvas" and self.work != "nothing"
        return f"{squeeze(self.name) if written else self.name} ({self.id})"


def read_expected() -> dict[str, Row]:
    found: dict[str, Row] = {}
    platform = ""
    for line in re.sub(r"\n {4}", " ", TABLE).strip().splitlines()[1:]:
        name, *cells = (cell.strip() for cell in line.split("|"))
        if not cells:
            platform = name
            continue
        before, raw, penalty, final = (number(cell) for cell in cells[3:7])
        who, work, when = cells[:3]
        found[name] = Row(name, who, work, when, before, raw, penalty, final, " ".join(cells[7].split()), platform)
    return found


def number(text: str) -> float | None:
    return float(text) if text else None


def squeeze(name: str) -> str:
    """Return a name as Canvas writes it into the names of files."""
    return re.sub(r"\W", "", name).lower()


STUDENTS = read_expected()
PLATFORMS = ("moodle", "canvas", "nbgrader")


def of(platform: str) -> list[Row]:
    return [row for row in STUDENTS.values() if row.platform == platform]


class Course:
    """The course, in a folder: its exercises, what was handed in, and a folder of grades for each platform."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said: dict[str, str] = {}  # what commands printed
        self.marks: dict[str, dict[str, dict[str, str]]] = {}  # the rows of points.csv by step and student
        self.files: dict[str, dict[Path, bytes]] = {}  # the files of all folders of grades by step

    def run(self, *arguments: object) -> str:
        with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as errors:
            code = cli.main([str(argument) for argument in arguments])
        assert code == 0, errors.getvalue()
        return out.getvalue()

    def grades(self, platform: str) -> Path:
        return self.folder / f"grades-{platform}"

    def build(self, *, repaired: bool) -> None:
        """Build the assignment, whose hidden test of one question is wrong until it is repaired."""
        source = self.folder / "exercises"
        source.mkdir(exist_ok=True)
        for file in ("course/predict.md", "course/data.md", "by_hand/plots.md"):
            text = (TESTS / file).read_text(encoding="utf-8")
            assert file != "course/predict.md" or text.count(REPAIR[1]) == 1
            (source / Path(file).name).write_text(text if repaired else text.replace(*REPAIR[::-1]), encoding="utf-8")
        names = ("predict-top", "data-rescale", "axis-mislead")
        self.run("assignment", "build", "week-1", "--source", source, "--exercises", *names, "--out", self.assignment)

    @property
    def assignment(self) -> Path:
        return self.folder / "week-1"

    def answer(self, work: str, student: str) -> bytes:
        """Return the released notebook with answers to its questions, each different from all others."""
        notebook = nbformat.read(self.assignment / "release/week-1/week-1.ipynb", as_version=4)
        if work == "blank":
            return str(nbformat.writes(notebook)).encode()
        top, rescaled, text = work.split()
        cells = {cell.metadata.nbgrader.grade_id: cell for cell in notebook.cells if "nbgrader" in cell.metadata}
        for cell, body in (cells["predict-top"], ANSWERS[top]), (cells["data-rescale"], RESCALED[rescaled]):
            assert cell.source.count("raise NotImplementedError") == 1
            cell.source = cell.source.replace("raise NotImplementedError", f"{body}  # {student}")
        cells["axis-mislead"].source = TEXTS[text][0]
        return str(nbformat.writes(notebook)).encode()

    def handed_in(self, row: Row) -> dict[str, bytes]:
        """Return the files of a student by the names that students give them."""
        if row.work in ("nothing", "pdf", "damaged"):
            return {"nothing": {}, "pdf": {"scan.pdf": b"%PDF"}, "damaged": {"week-1.ipynb": b"{not json"}}[row.work]
        if row.work.startswith("as "):
            return self.handed_in(STUDENTS[row.work.removeprefix("as ")])
        if row.work.startswith("zip "):
            return {"my work.zip": pack({"week-1/week-1.ipynb": self.answer(row.work.removeprefix("zip "), row.id)})}
        works = row.work.split(" + ")
        names = ("week-1.ipynb", "week-1-1.ipynb")
        return {name: self.answer(work, row.id) for name, work in zip(names, works, strict=False)}

    def export(self) -> None:
        """Write for each platform what an instructor downloads, and the tables that an instructor writes."""
        (self.folder / "moodle.zip").write_bytes(pack(moodle_export(self)))
        (self.folder / "canvas.zip").write_bytes(pack(canvas_export(self)))
        for name, content in nbgrader_export(self).items():
            file = self.folder / "nbgrader" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        for platform, roster in (("moodle", moodle_roster()), ("canvas", canvas_roster()), ("nbgrader", ids_roster())):
            (self.folder / f"roster-{platform}.csv").write_text(roster, encoding="utf-8")
            rows = ["everybody,2026-01-30 23:59,Europe/Berlin,15min,10,50,7d,", *DATES[platform]]
            lines = ["who,due,zone,grace,per_day,cap,zero_after,handed_in"]
            lines += [row + "," * (7 - row.count(",")) for row in rows]
            (self.folder / f"dates-{platform}.csv").write_text("\n".join(lines), encoding="utf-8")
            (self.folder / f"groups-{platform}.csv").write_text(GROUPS.get(platform, ""), encoding="utf-8")

    def grade(self, platform: str) -> None:
        submissions = self.folder / ("nbgrader/submitted" if platform == "nbgrader" else f"{platform}.zip")
        options: list[object] = ["--assignment", self.assignment, "--out", self.grades(platform)]
        for table in ("roster", "dates", *(["groups"] if platform in GROUPS else [])):
            options += [f"--{table}", self.folder / f"{table}-{platform}.csv"]
        self.run("grade", submissions, *options, *(["--unsafe"] if sandbox.obstacle() else []))

    def mark(self, platform: str) -> None:
        """Mark the texts through the page, as its form sends them."""
        book = Gradebook.open(self.grades(platform))
        decisions = {text: decision for text, *decision in TEXTS.values()}
        with Journal(book.folder, "Eve").opened() as journal:
            session = Session(find_items(book.records(), book.assignment()[2]), journal)
            with MarkingServer(session) as server:
                thread = threading.Thread(target=server.run)
                thread.start()
                for place, item in enumerate(session.items, start=1):
                    met, adjustment, comment = decisions[item.text]
                    if met is None:
                        continue
                    form = {"met": met, "adjustment": adjustment, "comment": comment, "action": "next"}
                    body = urllib.parse.urlencode({"token": server.token, **form}, doseq=True)
                    connection = HTTPConnection("127.0.0.1", server.server_port, timeout=30)
                    kind = {"Content-Type": "application/x-www-form-urlencoded"}
                    connection.request("POST", f"/{server.token}/{place}", body, kind)
                    assert connection.getresponse().status == 303
                server.ended.set()
                thread.join()
        self.run("tables", book.folder)

    def note(self, step: str) -> None:
        """Remember the tables and files as they are after a step."""
        self.marks[step] = {}
        for platform in PLATFORMS:
            with (self.grades(platform) / "points.csv").open(newline="", encoding="utf-8") as stream:
                self.marks[step] |= {row["id"] or row["student"]: row for row in csv.DictReader(stream)}
        files = (file for platform in PLATFORMS for file in self.grades(platform).rglob("*") if file.is_file())
        self.files[step] = {file: file.read_bytes() for file in files}


def pack(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def table(rows: list[list[str]]) -> str:
    stream = io.StringIO(newline="")
    csv.writer(stream).writerows(rows)
    return stream.getvalue()


def moodle_export(course: Course) -> dict[str, bytes]:
    """mod/assign/classes/downloader.php, with a folder for each student."""
    return {
        f"{row.name}_{row.id}_assignsubmission_file/{name}": content
        for row in of("moodle")
        for name, content in course.handed_in(row).items()
    }


def canvas_export(course: Course) -> dict[str, bytes]:
    """lib/content_zipper.rb: the sortable name, LATE, and the numbers of the user and of the file."""
    found: dict[str, bytes] = {}
    for row in of("canvas"):
        late = "_LATE" if row.when else ""
        for name, content in course.handed_in(row).items():
            number = 5000 + 2 * (int(row.id) - 200) + (name == "week-1-1.ipynb")
            found[f"{squeeze(row.name)}{late}_{row.id}_{number}_{name}"] = content
    return found


def nbgrader_export(course: Course) -> dict[str, bytes]:
    """The folder in which `nbgrader collect` puts what students submitted; Ito's was put there by hand."""
    found: dict[str, bytes] = {}
    for row in of("nbgrader"):
        folder = f"submitted/{row.id}/week-1"
        found |= {f"{folder}/{name}": content for name, content in course.handed_in(row).items()}
        if row.time:
            found[f"{folder}/timestamp.txt"] = f"{row.time.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f} UTC".encode()
        if row.time and row.id != "ito":
            found[f"{folder}/submission_secret.txt"] = f"secret of {row.id}".encode()
    return found


MOODLE = [
    *("ID", "Vollständiger Name", "E-Mail-Adresse", "Status", "Bewertung", "Bestwertung"),
    *("Zuletzt geändert (Abgabe)", "Zuletzt geändert (Bewertung)", "Feedback als Kommentar"),
]


def moodle_roster() -> str:
    """The grading worksheet of a German Moodle, where the assignment has 100 points."""
    days = ("Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag")
    months = ("", "Januar", "Februar")
    rows = [MOODLE]
    for row in of("moodle"):
        when = "-"
        if row.time:
            when = f"{days[row.time.weekday()]}, {row.time.day}. {months[row.time.month]} 2026, {row.time:%H:%M}"
        mail = f"s{row.id}@example.edu"
        rows.append([f"Teilnehmer/in{row.id}", row.name, mail, "Abgegeben", "", "100,00", when, "-", ""])
    return table(rows)


def canvas_roster() -> str:
    """The gradebook that Canvas exports."""
    head = [["Student", "ID", "SIS User ID", "SIS Login ID", "Section"], ["    Points Possible", "", "", "", ""]]
    return table([*head, *([row.name, row.id, f"s{row.id}", f"login{row.id}", "A"] for row in of("canvas"))])


def ids_roster() -> str:
    return table([["id", "email"], *([row.id, f"{row.id}@example.edu"] for row in of("nbgrader"))])


@pytest.fixture(scope="module")
def course(isolation: bool, tmp_path_factory: pytest.TempPathFactory) -> Course:
    """A course that was walked through to its end."""
    course = Course(tmp_path_factory.mktemp("course"))
    course.build(repaired=False)
    course.export()
    for platform in PLATFORMS:
        course.grade(platform)
    course.note("graded")
    for platform in PLATFORMS:
        course.mark(platform)
    for student, question, points in (("208", "data-rescale", 2.5), ("205", "axis-mislead", 3)):
        options = ("--student", student, "--question", question, "--points", points, "--reason", f"<b>{points}</b>")
        course.run("override", course.grades("canvas"), *options)
    course.note("marked")
    course.build(repaired=True)
    for platform in PLATFORMS:
        course.said[f"compare {platform}"] = course.run("regrade", course.grades(platform), "--compare")
    course.note("compared")
    for platform in PLATFORMS:
        course.run("regrade", course.grades(platform))
    for platform in PLATFORMS:
        course.said[f"feedback {platform}"] = course.run("feedback", course.grades(platform), "--for", platform)
    course.note("final")
    return course


def is_marked_by_hand(row: Row) -> bool:
    return row.work not in ("nothing", "pdf", "damaged", "blank")


def test_nobody_has_a_mark_before_all_answers_are_marked(course: Course) -> None:
    """Tom is in Mia's group, and waits as she does."""
    found = course.marks["graded"]
    assert found.keys() == STUDENTS.keys()
    waiting = {name for name, row in found.items() if "Not marked yet: 1 question." in row["remark"]}
    assert waiting == {name for name, row in STUDENTS.items() if is_marked_by_hand(row)} | {"110"}
    assert {row["score"] for name, row in found.items() if name not in waiting} == {"0", ""}


def test_points_before_the_repair_are_those_of_the_wrong_test(course: Course) -> None:
    found = {name: number(row["raw_score"]) for name, row in course.marks["marked"].items()}
    assert found == {name: row.before for name, row in STUDENTS.items()}


@pytest.mark.parametrize("name", STUDENTS)
def test_final_mark_is_the_one_worked_out_by_hand(course: Course, name: str) -> None:
    found = course.marks["final"][name]
    assert [number(found[key]) for key in ("raw_score", "penalty", "score")] == [*STUDENTS[name][5:8]]
    assert found["remark"] == STUDENTS[name].remark


def test_comparison_lists_whose_mark_changes_and_writes_none(course: Course) -> None:
    """Of a group, the work that was handed in is listed: Fermat's does not count, and changes all the same."""
    changed = {row.label: (row.before, row.raw) for row in STUDENTS.values() if row.before != row.raw}
    del changed["Tom Reed (110)"]
    changed["fermat"] = (5, 7)
    said = "\n".join(course.said[f"compare {platform}"] for platform in PLATFORMS)
    listed = re.findall(r"^(\S.*): ([\d.]+) -> ([\d.]+) of 9 points$", said, re.MULTILINE)
    assert {label: (float(before), float(now)) for label, before, now in listed} == changed
    assert len(re.findall("^  predict-top, test 2: ", said, re.MULTILINE)) == len(changed)
    before, after = course.files["marked"], course.files["compared"]
    assert all(after[file] == content for file, content in before.items())
    assert {file.relative_to(course.folder).parts[1] for file in after.keys() - before.keys()} == {"regrade"}


def test_equal_notebooks_get_equal_draws_and_others_do_not(course: Course) -> None:
    seeds = {record["student"]: record["seed"] for record in Gradebook.open(course.grades("canvas")).records()}
    assert seeds["byronalan (207)"] == seeds["lovelaceada (201)"]
    assert len({*seeds.values()}) == len(seeds) - 1


def test_marks_that_were_replaced_are_kept(course: Course) -> None:
    kept = course.grades("moodle") / "earlier"
    scores = {json.loads(file.read_text("utf-8"))["score"] for file in (kept / "records").glob("Dan*.json")}
    assert scores == {5}, "without the question that a person marks"
    assert list(kept.glob("grades*.csv"))


def page_of(content: str) -> tuple[str, str]:
    """Return whose page it is, and the points in it."""
    text = BeautifulSoup(content, "html.parser").select("p")[0].get_text()
    found = re.fullmatch(r"(.*): ([\d.]+) of 9 points", text)
    assert found
    return found[1], found[2]


def expected_pages(platform: str, *without: str) -> dict[str, tuple[str, str]]:
    """Return whose page each student gets: everybody's who has a mark."""
    rows = [row for row in of(platform) if row.final is not None and row.id not in without]
    return {row.id: (row.label, f"{row.final:g}") for row in rows}


def test_moodle_gives_each_student_page_and_mark(course: Course) -> None:
    """importziplib.php finds the participant in the name; gradeimporter.php takes points as they are, of 100."""
    pages = {}
    with zipfile.ZipFile(course.grades("moodle") / "for-moodle" / "feedback.zip") as archive:
        for name in archive.namelist():
            _, participant, plugin, kind, _ = name.split("_", 4)
            assert (plugin, kind) == ("assignsubmission", "file")
            pages[participant] = page_of(archive.read(name).decode())
    assert pages == expected_pages("moodle")
    with (course.grades("moodle") / "moodle.csv").open(newline="", encoding="utf-8") as stream:
        header, *rows = csv.reader(stream)
    assert header == MOODLE
    grades = {row[0].removeprefix("Teilnehmer/in"): number(row[4].replace(",", ".")) for row in rows}
    expected = {row.id: row.final and row.final / 9 * 100 for row in of("moodle")}
    assert grades == {name: pytest.approx(grade, abs=1e-5) for name, grade in expected.items()}
    times = {row[7] for row in rows if row[4]}
    assert all(datetime.fromisoformat(time).tzinfo for time in times), "PHP reads no German dates"


def test_canvas_gives_each_student_page_and_mark(course: Course) -> None:
    """infer_comment_context_from_filename: the first two numbers are a user, and a file that this user handed in."""
    handed_in = {re.search(r"_(\d+)_(\d+)_(.*)", name).groups() for name in canvas_export(course)}  # type: ignore
    pages = {}
    with zipfile.ZipFile(course.grades("canvas") / "for-canvas" / "feedback.zip") as archive:
        for name in archive.namelist():
            user, file = [part for part in name.split("_") if part.isdecimal()][:2]
            (target,) = (target for *numbers, target in handed_in if numbers == [user, file])
            content = archive.read(name)
            if target.endswith(".zip"):
                (inside,) = zipfile.ZipFile(io.BytesIO(content)).namelist()
                text = zipfile.ZipFile(io.BytesIO(content)).read(inside).decode()
            else:
                text = nbformat.reads(content.decode(), as_version=4).cells[0].source
            pages[user] = page_of(text)
    assert pages == expected_pages("canvas", "206")
    assert "costajoão (206) (only files of other kinds were handed in)" in course.said["feedback canvas"]
    with (course.grades("canvas") / "canvas.csv").open(newline="", encoding="utf-8") as stream:
        header, points, *rows = csv.reader(stream)
    assert (header[1], points[0].strip(), points[-1]) == ("ID", "Points Possible", "9")
    assert {row[1]: number(row[-1]) for row in rows} == {row.id: row.final for row in of("canvas")}


def test_nbgrader_gives_each_student_page_and_mark(course: Course) -> None:
    """release_feedback publishes a page under a hash of the secret and the notebook, where fetch_feedback looks."""
    pages = {}
    for file in (course.grades("nbgrader") / "for-nbgrader").rglob("*.html"):
        secret = (file.parent / "submission_secret.txt").read_bytes()
        pages[hashlib.md5(secret + file.stem.encode()).hexdigest()] = page_of(file.read_text(encoding="utf-8"))
    fetched = {row.id: hashlib.md5(f"secret of {row.id}week-1".encode()).hexdigest() for row in of("nbgrader")}
    found = {name: pages[key] for name, key in fetched.items() if key in pages}
    assert found == expected_pages("nbgrader", "ito")
    assert len(pages) == len(found)
    assert "ito (nbgrader has not collected it" in course.said["feedback nbgrader"]
    with (course.grades("nbgrader") / "grades.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    columns = ("raw_score", "late_submission_penalty", "score")
    marks = {row["student_id"]: [number(row[column]) for column in columns] for row in rows}
    assert {name: mark for name, mark in marks.items() if mark[2] is not None} == {
        row.id: [row.raw, row.penalty, row.final] for row in of("nbgrader") if row.final is not None
    }


def test_page_says_what_people_decided_and_shows_hostile_text_as_text(course: Course) -> None:
    def page(name: str) -> BeautifulSoup:
        (file,) = (course.grades("canvas") / "feedback").glob(f"{name}*.html")
        return BeautifulSoup(file.read_text(encoding="utf-8"), "html.parser")

    assert "instead of 1. <b>2.5</b>" in page("neripia").get_text()
    assert re.search(r"set by hand on [\d-]+\. <b>3</b>", page("kayaemre").get_text())
    ann = page("moeann")
    assert not ann.select("script")
    assert "What <b>else</b>?" in ann.get_text()
    assert "Adjusted by +0.5 points." in ann.get_text()


def test_replay_shows_what_the_marks_rest_on(course: Course, capfd: pytest.CaptureFixture[str]) -> None:
    course.run("replay", course.grades("moodle"), "--student", "108", "--question", "predict-top")
    said = capfd.readouterr().out
    assert "best_answers(" in said
    assert "the most probable class comes first" in said
    assert "the record differs" not in said
