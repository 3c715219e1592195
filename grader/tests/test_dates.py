"""Deadlines and late rules: by cases, and against an independent computation on random ones."""

import math
import random
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from coursegrader import dates
from coursegrader.roster import read_roster

HEAD = "who,due,zone,grace,per_day,steps,cap,zero_after,of,handed_in\n"
BERLIN = ZoneInfo("Europe/Berlin")


def read(folder: Path, *rows: str) -> dates.Dates:
    file = folder / "dates.csv"
    file.write_text(HEAD + "\n".join(rows), encoding="utf-8")
    return dates.Dates(file)


def record(student: str, handed_in: str, score: float = 10, **more: Any) -> dict[str, Any]:
    return {"student": student, "score": score, "max_score": 20, "problem": "", "handed_in": handed_in} | more


def mark(table: dates.Dates, handed_in: str, score: float = 10, **more: Any) -> dict[str, Any]:
    (found,) = dates.apply([record("Ada", handed_in, score, **more)], table)
    return found


def everybody(rule: str, due: str = "2026-01-30 23:59") -> str:
    return f"everybody,{due},Europe/Berlin,{rule}"


TEN, TWENTY, QUARTER, MOST = (f" points less ({percent} % of the maximum)." for percent in (10, 20, 25, 80))
CASES = {
    "on time": ("0min,10,,,,,", "2026-01-30T23:59:40", 0, ""),
    "in another zone": (",10,,,,,", "2026-01-30T22:59:40+00:00", 0, ""),
    "a day has begun": (",10,,,,,", "2026-01-31T00:00:00", 2, f"Late by less than a minute: 2{TEN}"),
    "the second day": (",10,,,,,", "2026-02-01T02:00:00", 4, f"Late by 1 d 2 h: 4{TWENTY}"),
    "of the mark": (",10,,,,mark,", "2026-02-01T02:00:00", 2, "Late by 1 d 2 h: 2 points less (20 % of the points)."),
    "grace": ("15min,10,,,,,", "2026-01-31T00:14:59", 0, "Late by 15 min: nothing was deducted."),
    "after grace": ("15min,10,,,,,", "2026-01-31T00:15:00", 2, f"Late by 15 min: 2{TEN}"),
    "first step": (",,1h:0 24h:10 later:50,,,,", "2026-01-31T00:30:00", 0, "Late by 30 min: nothing was deducted."),
    "second step": (",,1h:0 24h:10 later:50,,,,", "2026-01-31T01:30:00", 2, f"Late by 1 h 30 min: 2{TEN}"),
    "after all steps": (",,1h:0 24h:10 later:25,,,,", "2026-02-05T01:30:00", 5, f"Late by 5 d 1 h: 5{QUARTER}"),
    "cap": (",10,,25%,,,", "2026-02-09T02:00:00", 5, f"Late by 9 d 2 h: 5{QUARTER}"),
    "too late, whatever the cap": (",10,,25,7d,,", "2026-02-09T02:00:00", 10, "Late by 9 d 2 h: too late for points."),
    "more than there is": (",40,,,,,", "2026-02-01T02:00:00", 10, f"Late by 1 d 2 h: 10{MOST}"),
    "no rule": (",,,,,,", "2026-02-09T02:00:00", 0, "Late by 9 d 2 h: nothing was deducted."),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_late_work_costs_what_the_table_says(tmp_path: Path, case: str) -> None:
    rule, handed_in, penalty, remark = CASES[case]
    found = mark(read(tmp_path, everybody(rule)), handed_in)
    assert (found["raw_score"], found["penalty"], found["score"]) == (10, penalty, 10 - penalty)
    assert found["problem"] == remark


def test_time_that_is_unknown_is_not_late_and_has_a_remark(tmp_path: Path) -> None:
    table = read(tmp_path, everybody(",10,,,,,"))
    unknown, late, in_time = (mark(table, "", late=late) for late in (None, True, False))
    assert [found["penalty"] for found in (unknown, late, in_time)] == [0, 0, 0]
    assert [found["late_hours"] for found in (unknown, late, in_time)] == [None, None, 0]
    assert unknown["problem"] == "It is not known when this was handed in; nothing was deducted."
    assert late["problem"] == "Late, as the platform says, and not by how much; nothing was deducted."
    assert in_time["problem"] == ""


def test_time_in_the_table_comes_before_the_platforms(tmp_path: Path) -> None:
    table = read(tmp_path, everybody(",10,,,,,"), "101,,,,,,,,,2026-02-01 02:00", "G1,,,,,,,,,2026-01-29")
    records = [record("Ada (101)", "", late=True), record("Bob", "2026-01-30T12:00:00"), record("Cid", "")]
    found = dates.apply(dates.add_times(records, dates=table, groups={"Cid": "G1"}), table)
    assert [(r["handed_in"], r["penalty"]) for r in found] == [
        ("2026-02-01T02:00:00", 4), ("2026-01-30T12:00:00", 0), ("2026-01-29T00:00:00", 0),
    ]  # fmt: skip


MOODLE = """Identifikator,Vollständiger Name,Status,Bewertung,Bestwertung,Änderbar,{},Zuletzt geändert (Bewertung)
Teilnehmer/in 101,Ada,Abgegeben,,20.00,Ja,"Sonntag, 1. Februar 2026, 02:00",-
Teilnehmer/in 102,Bob,Keine Abgabe,,20.00,Ja,-,-
"""


def test_times_come_from_the_grading_worksheet_of_moodle(tmp_path: Path) -> None:
    (tmp_path / "roster.csv").write_text(MOODLE.format("Zuletzt geändert (Abgabe)"), encoding="utf-8")
    roster = read_roster(tmp_path / "roster.csv")
    table = read(tmp_path, everybody(",10,,,,,"), "Ada,2026-02-10,,,,,,,,", "Bob,,,,,,,,,2026-02-03")
    for given, bob in ((None, ""), (table, "2026-02-03T00:00:00")):
        found = dates.add_times([record("Ada (101)", ""), record("Bob (102)", "")], dates=given, roster=roster)
        assert [r["handed_in"] for r in found] == ["2026-02-01T02:00:00", bob]


def test_times_of_grades_are_not_those_of_handing_in(tmp_path: Path) -> None:
    """A worksheet has no column for submissions if none are asked for."""
    lines = [",".join(line.split(",")[:6]) for line in MOODLE.splitlines()]
    graded = [f'{line},"Sonntag, 1. Februar 2026, 02:00"' for line in lines[1:]]
    (tmp_path / "roster.csv").write_text("\n".join([f"{lines[0]},Zuletzt geändert (Bewertung)", *graded]), "utf-8")
    assert read_roster(tmp_path / "roster.csv").maximum() == 20
    assert read_roster(tmp_path / "roster.csv").times() == {}


def test_extension_of_one_member_of_a_group_is_not_that_of_the_others(tmp_path: Path) -> None:
    rows = ["G1,2026-01-31 23:59", "Ada,2026-02-10 23:59", "Eve,2026-02-02 23:59,,,none", "Fay,,,,,later:5"]
    table = read(tmp_path, everybody(",10,,,,,"), *(row + "," * (9 - row.count(",")) for row in rows))
    records = [record(student, "2026-02-03T12:00:00") for student in ("Ada", "Bob", "Cid", "Eve", "Fay")]
    found = dates.apply(records, table, groups={"Ada": "G1", "Bob": "G1"})
    assert {r["student"]: r["penalty"] for r in found} == {"Ada": 0, "Bob": 6, "Cid": 8, "Eve": 0, "Fay": 1}


def test_day_has_23_or_25_hours_where_clocks_are_changed(tmp_path: Path) -> None:
    """On 29 March 2026 there are 23 hours in Berlin, on 25 October 25."""
    for due, last in {"2026-03-28 23:59": "2026-03-29T23:59:59", "2026-10-24 23:59": "2026-10-25T23:59:59"}.items():
        table = read(tmp_path, everybody(",10,,,,,", due=due))
        assert mark(table, last)["penalty"] == 2
        after = datetime.fromisoformat(last) + timedelta(seconds=1)
        assert mark(table, after.isoformat())["penalty"] == 4
    table = read(tmp_path, everybody(",10,,,,,", due="2026-10-24 02:30"))
    assert mark(table, "2026-10-25T01:30:00+00:00")["penalty"] == 2, "the next day, clocks show 02:30 twice"
    table = read(tmp_path, everybody(",,24h:10 later:20,,,,", due="2026-10-24 23:59"))
    assert mark(table, "2026-10-25T23:30:00")["penalty"] == 4, "24 hours are 24 hours"


def test_name_beside_an_id_may_have_its_words_in_another_order(tmp_path: Path) -> None:
    table = read(tmp_path, everybody(",10,,,,,"), '"lovelace, ADA (101)",2026-02-10,,,,,,,,')
    (found,) = dates.apply([record("Ada Lovelace (101)", "2026-02-09T02:00:00")], table)
    assert found["penalty"] == 0


def test_row_for_nobody_is_named(tmp_path: Path) -> None:
    table = read(tmp_path, everybody(",10,,,,,"), *(f"{who},2026-02-10,,,,,,,," for who in ("Adda", "Ada", "G1")))
    assert dates.strangers(table, ["Ada", "Bob"], groups={"Bob": "G1"}) == ["Adda"]


@pytest.mark.parametrize(
    ("whose", "reason"),
    [
        (["Ada", "101"], r"expected one row for Ada \(101\), found 'Ada' and '101'"),
        (["101", "Bob (101)"], r"row 4: expected the name that belongs to the id, Ada \(101\), got 'Bob \(101\)'"),
        (["Lee"], r"row 3: expected one student, and 'Lee' can be any of Lee \(1\), Lee \(2\)"),
    ],
)
def test_extension_that_can_be_misread_is_refused(tmp_path: Path, whose: list[str], reason: str) -> None:
    table = read(tmp_path, everybody(",10,,,,,"), *(f"{who},2026-02-10,,,,,,,," for who in whose))
    records = [record(student, "2026-02-01T02:00:00") for student in ("Ada (101)", "Lee (1)", "Lee (2)")]
    with pytest.raises(ValueError, match=reason):
        dates.apply(records, table)


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (["Ada,2026-01-30,,,,,,,,"], "expected a row for everybody"),
        (["everybody,2026-01-30,,,,,,,,"], "a time zone such as Europe/Berlin, got ''"),
        (["everybody,2026-01-30,Nowhere,,,,,,,"], "a time zone such as Europe/Berlin, got 'Nowhere'"),
        ([everybody(",10,,,,,", due="30.1.2026")], "row 2: expected a time as in 2026-01-30 23:59, got '30.1.2026'"),
        ([everybody(",10,,,,,", due="9999-12-31")], "row 2: expected a time"),
        ([everybody(",10,,,,,"), "Ada,,,,,,,,,9999-12-31 23:59 -12:00"], "row 3: expected a time"),
        ([everybody(",10,,,,,"), f'"{"Ada" * 50_000},'], "line 3: expected a table"),
        ([everybody(",110,,,,,")], "row 2: expected a number of percent"),
        ([everybody(",10,1h:5 later:6,,,,")], "got both"),
        ([everybody(",,1h:5,,,,")], "add later:100"),
        ([everybody(",,1h:5 24h:10,,48h,,")], "add later:100"),
        ([everybody(",,5h:5 60min:10 later:10,,,,")], "steps that end one after the other"),
        ([everybody("soon,10,,,,,")], "an amount of time as in 30min, 12h or 7d, got 'soon'"),
        ([everybody(",10,,,,half,")], "expected maximum or mark"),
        ([everybody(",10,,,,,"), "Ada,,,,,,,,,yesterday"], "row 3: expected a time"),
        ([everybody(",10,,,,,"), "Ada,,Europe/Paris,,,,,,,"], "row 3: expected the zone"),
        ([everybody(",10,,,,,"), "Ada,,,,,,,,,", "Ada,,,,,,,,,"], "row 4: expected in column who"),
    ],
)
def test_table_that_can_be_misread_is_refused(tmp_path: Path, rows: list[str], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read(tmp_path, *rows)


def test_steps_may_end_where_no_work_counts(tmp_path: Path) -> None:
    table = read(tmp_path, everybody(",,1h:5 48h:10,,2d,,"))
    assert mark(table, "2026-02-01T23:00:00")["penalty"] == 2
    assert mark(table, "2026-02-02T00:00:00")["penalty"] == 10


def seconds(span: str) -> int:
    """Return the seconds of a span, in January, where all days have 24 hours."""
    return int(span.rstrip("dhmin")) * {"d": 86400, "h": 3600, "n": 60}[span[-1]]


def expected_penalty(rule: dict[str, str], late: int, score: int) -> Fraction:
    """Return the penalty in exact arithmetic, from the seconds of lateness and the cells of the table."""
    whole = score if rule["of"] == "mark" else 20
    percent = Fraction(0)
    if late > seconds(rule["grace"] or "0min"):
        if rule["steps"]:
            steps = [step.split(":") for step in rule["steps"].split()]
            percent = Fraction(next(cost for until, cost in steps if until == "later" or late <= seconds(until)))
        else:
            percent = math.ceil(Fraction(late, 86400)) * Fraction(rule["per_day"] or 0)
        percent = min(percent, Fraction(rule["cap"] or 100))
        if rule["zero_after"] and late > seconds(rule["zero_after"]):
            return Fraction(score)
    return min(whole * percent / 100, Fraction(score))


def test_random_rules_agree_with_an_independent_computation(tmp_path: Path) -> None:
    rng = random.Random(0)
    due = datetime(2026, 1, 5, 12, 0, 0, tzinfo=BERLIN).astimezone(UTC)
    kinds = set()
    for _ in range(400):
        rule = {
            "grace": rng.choice(["", "", "10min", "2h"]),
            "per_day": "",
            "steps": "",
            "cap": rng.choice(["", "50", "12.5"]),
            "zero_after": rng.choice(["", "", "3d", "90h"]),
            "of": rng.choice(["", "maximum", "mark"]),
        }
        if rng.random() < 0.5:
            rule["per_day"] = rng.choice(["5", "10", "33.3"])
        else:
            rule["steps"] = rng.choice(["1h:0 24h:10 48h:20 later:100", "30min:5 1d:25 2d:30 later:40", "later:15"])
        table = read(tmp_path, f"everybody,2026-01-05 12:00:00,Europe/Berlin,{','.join(rule.values())},")
        edges = [0, 600, 1800, 3600, 7200, *(86400 * n for n in range(1, 6)), 90 * 3600]
        late = rng.choice(edges) + rng.choice([-1, 0, 1, rng.randrange(-9000, 9000)])
        score = rng.randrange(21)
        found = mark(table, (due + timedelta(seconds=late)).isoformat(), score)
        expected = expected_penalty(rule, late, score) if late > 0 else Fraction(0)
        assert abs(found["penalty"] - expected) <= Fraction("0.0051"), (rule, late, score)
        assert found["score"] == pytest.approx(score - found["penalty"])
        kinds.add((bool(rule["steps"]), expected > 0, expected == score))
    assert len(kinds) == 8
