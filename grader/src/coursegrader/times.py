"""Read the times that platforms and people write."""

import contextlib
import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_LONGEST = 100  # characters of a time
# The months in English, German, French, Spanish, Italian, Portuguese and Dutch. Platforms also write their beginnings.
_MONTHS = (
    "january januar jänner janvier enero gennaio janeiro januari",
    "february februar février febrero febbraio fevereiro februari",
    "march märz mars marzo março maart mrt",
    "april avril abril aprile",
    "may mai mayo maggio maio mei",
    "june juni juin junio giugno junho",
    "july juli juillet julio luglio julho",
    "august août agosto augustus",
    "september septembre septiembre settembre setembro",
    "october oktober octobre octubre ottobre outubro",
    "november novembre noviembre novembro",
    "december dezember décembre diciembre dicembre dezembro",
)
# Only years with which one can calculate: 9999 has no next day, and students can write times into some exports.
_DIGITS = re.compile(
    r"(?P<day>(19|20)\d\d-\d\d-\d\d)([T -](?P<hour>\d\d)[:-](?P<minute>\d\d)([:-](?P<second>\d\d)(\.\d+)?)?)?"
    r" ?(?P<zone>Z|UTC|GMT|[+-]\d\d:?\d\d|[A-Z][A-Za-z]+(/[A-Za-z_]+)*)?",
    re.ASCII,
)
_YEAR = re.compile(r"\b(19|20)\d\d\b", re.ASCII)
_CLOCK = re.compile(r"\b(?P<hour>\d{1,2})[:.h]?(?P<minute>\d\d)( (?P<half>[AP])\.?M\b)?", re.ASCII | re.IGNORECASE)
_DAYS = (
    re.compile(r"\b(?P<day>\d{1,2})(er|\.|º)?,? (de )?(?P<month>[^\W\d_]{3,})"),
    re.compile(r"\b(?P<month>[^\W\d_]{3,})\.? (?P<day>\d{1,2})\b"),
)


def read_time(text: str, *, zone: str = "") -> str:
    """Return a time that a platform has written, in the form of ISO 8601, or nothing if it cannot be read.

    Parameters
    ----------
    text
        ``2026-01-30 15:00:00.5 UTC`` (nbgrader), ``2026-01-30-15-00-00`` (Blackboard), ``Jan 30, 2026 300 PM``
        (Brightspace), ``Friday, 30 January 2026, 3:00 PM`` (Moodle, in several languages), or ISO 8601.
    zone
        The time zone of a time that names none. Without it, such a time stays one without a zone.
    """
    text = " ".join(text[:_LONGEST].split())
    with contextlib.suppress(ValueError, OSError):
        if found := _DIGITS.fullmatch(text):
            place = found["zone"] or zone
            moment = datetime.fromisoformat(f"{found['day']}T{_clock(found)}")
            return (moment.replace(tzinfo=_zone(place)) if place else moment).isoformat()
        return _in_words(text)
    return ""


def read_due(text: str, zone: ZoneInfo) -> datetime:
    """Return a deadline in UTC; one without seconds lasts to the end of its minute, a date to the end of its day.

    Where clocks are set back or forward over it, it is the later of the two moments that it can mean.

    Raises
    ------
    ValueError
        The text is no time, or its time zone is not known.
    """
    found = _DIGITS.fullmatch(" ".join(text.split()))
    if not found:
        raise ValueError(f"expected a time as in 2026-01-30 23:59, got {text!r}")
    clock = _clock(found) if found["second"] else f"{found['hour'] or 23}:{found['minute'] or 59}:59"
    due = datetime.fromisoformat(f"{found['day']}T{clock}")
    if found["zone"]:
        return due.replace(tzinfo=_zone(found["zone"])).astimezone(UTC)
    return max(in_utc(due, zone, fold=fold) for fold in (0, 1))


def read_moment(text: str, zone: ZoneInfo) -> datetime:
    """Return in UTC a time in the form of ISO 8601; where it can mean two moments, the earlier."""
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC) if moment.tzinfo else min(in_utc(moment, zone, fold=fold) for fold in (0, 1))


def in_utc(moment: datetime, zone: ZoneInfo, *, fold: int = 0) -> datetime:
    """Return when clocks in a zone show a time, for the first time, or with ``fold=1`` for the second."""
    return moment.replace(tzinfo=zone, fold=fold).astimezone(UTC)


def _clock(found: re.Match[str]) -> str:
    return f"{found['hour'] or '00'}:{found['minute'] or '00'}:{found['second'] or '00'}"


def _zone(name: str) -> tzinfo:
    """Return a time zone by its name, or by how far it is from UTC; a ValueError if there is none."""
    if name in ("Z", "GMT"):
        return UTC
    if name[0] in "+-":
        hours, minutes = int(name[1:3]), int(name[-2:])
        return timezone((1 if name[0] == "+" else -1) * timedelta(hours=hours, minutes=minutes))
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError) as error:
        raise ValueError(f"expected the name of a time zone such as Europe/Berlin, got {name!r}") from error


def _in_words(text: str) -> str:
    """Return a time in words, such as "Friday, 30 January 2026, 3:00 PM"; nothing if its language is not known."""
    year = _YEAR.search(text)
    clock = _CLOCK.search(text, year.end()) if year else None
    days = [(int(day["day"]), _month(day["month"])) for pattern in _DAYS for day in pattern.finditer(text)]
    if not year or not clock or not days:
        return ""
    hour = int(clock["hour"])
    if clock["half"]:
        hour = hour % 12 + 12 * (clock["half"].upper() == "P")
    day, month = days[0]
    return datetime(int(year[0]), month, day, hour, int(clock["minute"])).isoformat()


def _month(word: str) -> int:
    """Return the number of the month whose name is a word, or begins with it; 0 if there is none."""
    months = (n for n, names in enumerate(_MONTHS, start=1) if any(m.startswith(word.lower()) for m in names.split()))
    return next(months, 0)
