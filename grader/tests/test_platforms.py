"""Names as platforms write them, with invented people; "unsourced" is a form that was met, but read in no document."""

import unicodedata

import pytest

from coursegrader.platforms import GRADESCOPE_FILE, read_gradescope, read_origins, split_label

SAMPLES = {
    # github.com/jupyter/nbgrader, nbgrader/plugins/zipcollect.py, the help of named_regexp
    "nbgrader zip_collect": {
        "ps1_bitdiddle_attempt_2016-01-30-15-00-00_problem1.ipynb": "bitdiddle",
        "ps1_hacker_attempt_2016-01-30-15-30-00_problem1.ipynb": "hacker",
    },
    # github.com/vangef/BBGradebookOrganiser, docs/README.md: ANYTHING_STUDENTNUMBER_attempt_DATETIME_FILENAME, and its
    # code, for which FILENAME can be missing, as beside each attempt; names of users: nbgrader issue 511
    "Blackboard, numbers": {
        "Week 1_20250117_attempt_2026-01-30-15-00-00_week_1.ipynb": "20250117",
        "Week 1_20250118_attempt_2026-01-30-15-00-00.txt": "20250118",
    },
    "Blackboard": {
        "Week 1_b_o_b_attempt_2026-01-30-15-00-00_my_work.ipynb": "b_o_b",
        "Week 1_b_o_b_attempt_2026-01-30-15-00-00.txt": "b_o_b",
        "Week 1_t_o_b_attempt_2026-01-30-15-00-00.txt": "t_o_b",
    },
    # github.com/instructure/canvas-lms, lib/content_zipper.rb: get_filename, add_upload_submission, add_text_or_url
    "Canvas": {
        "lovelaceada_101_9001_week-1.ipynb": "lovelaceada (101)",
        "oneillbob_LATE_102_9002_week-1-2.ipynb": "oneillbob (102)",
        "student_test_103_9003_week_1.ipynb": "student_test (103)",
        "turingalan_104_text.html": "turingalan (104)",
        "hoppergrace_LATE_105_link.html": "hoppergrace (105)",
    },
    "Canvas, anonymous": {
        "anon_Ab3xY_9004_week-1.ipynb": "anon_Ab3xY",
        "LATE_anon_Cd5zW_9005_week_1_2.ipynb": "anon_Cd5zW",
        "anon_Ef7vU_text.html": "anon_Ef7vU",
    },
    # github.com/moodle/moodle, mod/assign/classes/downloader.php: get_student_prefix, load_submissionplugin_filelist
    "Moodle, folders": {
        "Ada Lovelace_101_assignsubmission_file": "Ada Lovelace (101)",
        "Bob O'Neill_102_assignsubmission_file_": "Bob O'Neill (102)",
        "Teilnehmer-in_103_assignsubmission_onlinetext": "Teilnehmer-in (103)",
        "参加者_104_assignsubmission_file": "参加者 (104)",
        "Group 7_12_assignsubmission_file": "Group 7 (12)",
        "Default group_assignsubmission_file": "Default group",
    },
    "Moodle, no folders": {
        "Ada Lovelace_101_assignsubmission_file_week_1.ipynb": "Ada Lovelace (101)",
        "Bob O'Neill_102_assignsubmission_onlinetext_onlinetext.html": "Bob O'Neill (102)",
    },
    # Brightspace: the test of such an export in cqc_cpcc, test_brightspace_zip_format: "ID - name - time"
    "Brightspace": {
        "39786-640693 - Ada Lovelace - Oct 10, 2025 1022 AM": "Ada Lovelace (39786)",
        "39787-640694 - Jean-Luc Picard - 11 octobre, 2025 1130": "Jean-Luc Picard (39787)",
        "12345 - Bob O'Neill - Jan 5, 2026 900 AM": "Bob O'Neill (12345)",
    },
    # github.com/github/gh-classroom, clone/student-repos/student-repos.go: one folder for each repository;
    # github.com/hoc-courses/shared-resources, github-classroom-intro.md: "assignment-1-username"
    "GitHub Classroom": {"week-1-ada-l": "ada-l", "week-1-bob": "bob"},
    # github.com/github-education-resources/classroom-assistant, issue 118: folders are named for the GitHub user
    "GitHub Classroom Assistant": {"ada-l": "ada-l", "wizzkid8769": "wizzkid8769"},
    # unsourced, and Google documents no names: the student's name before the title of the copy
    "Google Classroom": {"Ada Lovelace - Week 1.ipynb": "Ada Lovelace", "Bob - B - week-1 (2).ipynb": "Bob - B"},
    "plain": {
        **{"ada": "ada", "Ada (101)": "Ada (101)", "Bob (2)": "Bob (2, no id)", "Cid (2)": "Cid (2, no id)"},
        **{"bob.ipynb": "bob", "c_i_d.ZIP": "c_i_d", "dora.pdf": "dora.pdf"},
    },
}  # fmt: skip


def labels(*names: str, platform: str = "") -> dict[str, str]:
    folders = [name for name in names if "." not in name]
    found = read_origins(names, folders=folders, assignment="week-1", platform=platform)
    return {name: origin.label for name, origin in found.items()}


@pytest.mark.parametrize("platform", SAMPLES)
def test_documented_names_give_the_student(platform: str) -> None:
    assert labels(*SAMPLES[platform]) == SAMPLES[platform]


FOREIGN = [
    "x_101_assignsubmission_file_week-3.ipynb",
    "x_101_9001_week-3.ipynb",
    "x_101_text.html",
    "week-1_lovelaceada_attempt_2026-01-30-15-00-00_week-1.ipynb",
    "101 - x - Oct 10, 2025 1022 AM - week-1.ipynb",
    "Ada (101).ipynb",
    "Ada (A0102).ipynb",
    "LATE_101_9_a.ipynb",
]


@pytest.mark.parametrize("upload", FOREIGN)
@pytest.mark.parametrize(
    ("prefix", "student"),
    [
        ("eve_205_900{}_", "eve (205)"),
        ("eve_LATE_205_900{}_", "eve (205)"),
        ("anon_Ev3xY_900{}_", "anon_Ev3xY"),
        ("Eve_205_assignsubmission_file_{}", "Eve (205)"),
        ("week-1_eve_attempt_2026-01-30-15-00-0{}_", "eve"),
        ("205-7 - Eve - Oct {}, 2025 1022 AM - ", "Eve (205)"),
    ],
)
def test_name_of_an_upload_gives_nobody_elses_id(prefix: str, student: str, upload: str) -> None:
    """Alone, where nothing shows what platform it is from, and several at once, which are then the most."""
    for count in (1, 3):
        found = labels(*(prefix.format(number) + upload for number in range(1, count + 1)))
        assert set(found.values()) == {student}


@pytest.mark.parametrize("upload", FOREIGN)
def test_name_of_an_upload_is_no_id_where_the_platform_gives_none(upload: str) -> None:
    found = labels(upload, "Ada - week-1.ipynb", "Bob - week-1.ipynb")
    assert split_label(found.get(upload, ""))[1] == ""


def test_assignment_that_ends_in_numbers_is_no_id() -> None:
    names = ["Week_1_2_ada_attempt_2026-01-30-15-00-00_a.ipynb", "Week_1_2_bob_attempt_2026-01-30-15-00-00_a.ipynb"]
    assert {origin.label for origin in read_origins(names, assignment="week-1-2").values()} == {"ada", "bob"}


def test_one_strange_name_does_not_hide_the_platform_of_the_others() -> None:
    names = [*SAMPLES["Moodle, folders"], "Eve", "index.html", "x_1_2_y.ipynb"]
    found = labels(*names, platform="moodle")
    assert found["Ada Lovelace_101_assignsubmission_file"] == "Ada Lovelace (101)"
    assert found["x_1_2_y.ipynb"] == "x_1_2_y"
    assert found["Eve"] == "Eve"
    assert "index.html" not in found


@pytest.mark.parametrize("crafted", [FOREIGN[0], FOREIGN[1], *FOREIGN[3:5], FOREIGN[-1]])
def test_names_of_which_some_are_a_platforms_are_read_only_as_what_they_are_said_to_be(crafted: str) -> None:
    """One student hands in two files under another's id, where students choose the names; they are most then."""
    names = [crafted, crafted.replace("_9", "_8").replace("week-3", "week-4"), "Bob.ipynb"]
    with pytest.raises(ValueError, match=r"others are not, such as 'Bob.ipynb': add --platform \w+ if .* plain if"):
        labels(*names)
    assert {split_label(label)[1] for label in labels(*names, platform="plain").values()} == {""}


def test_export_of_another_platform_is_refused() -> None:
    for platform in ("moodle", "blackboard"):
        with pytest.raises(ValueError, match=f"expected names as {platform.title()} writes them, found"):
            labels(*SAMPLES["Canvas"], platform=platform)


def test_later_attempts_sort_behind_earlier_ones() -> None:
    names = [
        "1-2 - Ada - Sep 30, 2025 1159 PM",
        "1-2 - Ada - Oct 9, 2025 1200 AM",
        "1-2 - Ada - Oct 10, 2025 900 AM",
        "1-2 - Ada - 10 October, 2025 1200 PM",
    ]
    times = [origin.attempt for origin in read_origins(names, folders=names).values()]
    assert times == sorted(set(times))


# Gradescope, "Export submissions": github.com/ucbds-infra/otter-grader, GradescopeParser, reads these keys. A SID is
# what the student information system has, with letters at some universities
METADATA = """---
submission_1:
  :submitters:
  - :name: Ada Lovelace
    :sid: '101'
    :email: ada@example.edu
submission_2:
  :submitters:
  - :name: Zo\u0065\u0308
    :sid: A0102
  - :name: Cid (7)
    :sid:
  - :name: Dora (A7)
    :sid:
  :created_at: 2026-01-30 15:00:00.000000000 Z
"""


def test_gradescope_names_all_members_of_a_group() -> None:
    found = read_gradescope(METADATA.encode())
    assert {folder: [origin.label for origin in group] for folder, group in found.items()} == {
        "submission_1": ["Ada Lovelace (101)"],
        "submission_2": [unicodedata.normalize("NFC", "Zo\u0065\u0308 (A0102)"), "Cid (7, no id)", "Dora (A7, no id)"],
    }
    assert GRADESCOPE_FILE == "submission_metadata.yml"


@pytest.mark.parametrize("content", [b"- no\n", b"{", b"\xff", b"", b"[" * 10_000])
def test_other_metadata_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="not what Gradescope writes"):
        read_gradescope(content)
