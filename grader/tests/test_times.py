"""Times as platforms write them; what they mean where clocks are set back or forward."""

from zoneinfo import ZoneInfo

import pytest

from coursegrader.times import read_due, read_moment, read_time

BERLIN = ZoneInfo("Europe/Berlin")

# Moodle's are those of strftimedaydatetime in its language packs
WRITTEN = {
    "2026-01-30 15:00:00.123456 UTC": "2026-01-30T15:00:00+00:00",  # nbgrader's timestamp.txt
    "2026-07-30 15:00:00 America/New_York": "2026-07-30T15:00:00-04:00",
    "2026-01-30-15-00-00": "2026-01-30T15:00:00",  # Blackboard
    "Jan 30, 2026 300 PM": "2026-01-30T15:00:00",  # Brightspace
    "Oct 5, 2025 1230 AM": "2025-10-05T00:30:00",
    "11 octobre, 2025 1130": "2025-10-11T11:30:00",
    "Friday, 30 January 2026, 3:00 PM": "2026-01-30T15:00:00",
    "Tuesday, March 3, 2026, 3:04 PM": "2026-03-03T15:04:00",
    "Dienstag, 3. März 2026, 15:04": "2026-03-03T15:04:00",
    "mardi 3 mars 2026, 15:04": "2026-03-03T15:04:00",
    "dimanche 1er février 2026, 15:04": "2026-02-01T15:04:00",
    "lunes, 2 de marzo de 2026, 15:04": "2026-03-02T15:04:00",
    "segunda-feira, 12 jan. 2026, 15:04": "2026-01-12T15:04:00",
    "2026-01-30 15:00:00 -0330": "2026-01-30T15:00:00-03:30",
}
UNREADABLE = [
    *("", "-", "soon", "2026-02-30-15-00-00", "2026-01-30 15:00 Nowhere/Else", "x" * 10_000, "30 Smarch 2026, 15:04"),
    *("perjantai 6. marraskuuta 2026, 15:04", "2026-01-30 15:00 Europe/../Berlin", "٢٠٢٦-٠١-٣٠"),
]


@pytest.mark.parametrize("text", WRITTEN)
def test_time_is_read_as_the_platform_writes_it(text: str) -> None:
    assert read_time(text) == WRITTEN[text]


@pytest.mark.parametrize("text", UNREADABLE)
def test_what_cannot_be_read_is_no_time(text: str) -> None:
    """The Finnish one begins like March and is November."""
    assert read_time(text) == ""


def test_time_without_a_zone_gets_the_one_that_is_given() -> None:
    assert read_time("2026-01-30 15:00:00", zone="UTC") == "2026-01-30T15:00:00+00:00"
    assert read_time("2026-01-30 15:00:00 +0100", zone="UTC") == "2026-01-30T15:00:00+01:00"


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-01-30 12:00:00", "2026-01-30T11:00:00+00:00"),
        ("2026-01-30 23:59", "2026-01-30T22:59:59+00:00"),
        ("2026-07-30", "2026-07-30T21:59:59+00:00"),
        ("2026-01-30T12:00:00Z", "2026-01-30T12:00:00+00:00"),
        ("2026-10-25 02:30:00", "2026-10-25T01:30:00+00:00"),
        ("2026-03-29 02:30:00", "2026-03-29T01:30:00+00:00"),
    ],
    ids=["seconds", "minute", "day", "its own zone", "clocks go back", "clocks go forward"],
)
def test_deadline_is_the_last_moment_that_it_can_mean(text: str, utc: str) -> None:
    assert read_due(text, BERLIN).isoformat() == utc


def test_time_that_clocks_showed_twice_is_the_first() -> None:
    assert read_moment("2026-10-25T02:30:00", BERLIN).isoformat() == "2026-10-25T00:30:00+00:00"
    assert read_moment("2026-10-25T02:30:00+00:00", BERLIN).isoformat() == "2026-10-25T02:30:00+00:00"


@pytest.mark.parametrize("text", ["30.1.2026", "tomorrow", "2026-01-30 25:00", "2026-01-30 12:00 Nowhere"])
def test_deadline_that_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        read_due(text, BERLIN)
