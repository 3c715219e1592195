"""Give each student other numbers in the same exercise: values that follow from a secret and the student's id.

An exercise's cell of role *variant* draws them, with ``np.random.default_rng()`` or `random`, both without a seed. Each
public name that it leaves behind is a value. `draw` puts the values into the text, where it says ``{name}``, and into a
set-up cell. What comes out is an exercise like any other, for the student's notebook as well as for the grader.
"""

import functools
import json
import math
import re
import textwrap
import types
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from coursegrader.draws import drawing_from
from coursegrader.exercises import Exercise
from coursegrader.roster import Person, Roster

MAX_ENTRIES = 1000  # of an array: it is written out in the student's notebook
_PLACEHOLDER = re.compile(r"\{([^\W\d]\w*)(?::([^{}]*))?\}")
_KEPT = "variants"

NOT_LISTED = "Not on the class list for which variants were made."


@dataclass(frozen=True)
class Variants:
    """Whom variants are made for, and the secret that values follow from.

    Attributes
    ----------
    secret : str
        Whoever knows it and an id can compute the values.
    people : tuple of Person
        Everybody who has a variant. Their labels as they first were stay, since values follow from these.
    """

    secret: str
    people: tuple[Person, ...]

    def add(self, people: Iterable[Person]) -> "Variants":
        """Return the variants with those people, too, who are not among them yet: by id, or by name without ids."""
        known = list(self.people)
        for person in people:
            if not any(_same(person, other) for other in known):
                taken = {other.label.casefold() for other in known}
                number = next(iter(sorted(person.ids)), str(len(known) + 1))
                twice = person.label.casefold() in taken
                known.append(replace(person, label=f"{person.label} ({number})") if twice else person)
        return replace(self, people=tuple(known))

    def find(self, label: str) -> Person | None:
        """Return who is meant by a student's name and id, None if that is nobody or several people."""
        found = Roster([], list(self.people)).find(label)
        return found[0] if len(found) == 1 else None

    def exercises_of(self, exercises: Sequence[Exercise], label: str) -> list[Exercise]:
        """Return the exercises as a student has them. Who is not on the list has values that follow from the label."""
        listed = {person.label: person for person in self.people}
        person = listed.get(label) or self.find(label)
        return [draw(exercise, self.secret, person.label if person else label) for exercise in exercises]

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-compatible dictionary."""
        people = [
            {"label": person.label, "ids": sorted(person.ids), "names": sorted(person.names)} for person in self.people
        ]
        return {"secret": self.secret, "people": people}

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> "Variants":
        """Return the variants from the result of `to_json`."""
        people = [
            Person(person["label"], number, frozenset(person["ids"]), frozenset(person["names"]))
            for number, person in enumerate(record["people"], start=1)
        ]
        return cls(record["secret"], tuple(people))


def _same(person: Person, other: Person) -> bool:
    if person.ids and other.ids:
        return bool(person.ids & other.ids)
    return person.label == other.label


def load_variants(file: Path) -> Variants | None:
    """Return the variants in an assignment file, None if it has none."""
    record = json.loads(file.read_text(encoding="utf-8")).get(_KEPT)
    return Variants.from_json(record) if record else None


def draw(exercise: Exercise, secret: str, student: str) -> Exercise:
    """Return an exercise with the values of a student, by id; one without a variant cell as it is.

    Raises
    ------
    ValueError
        The variant cell fails, or leaves something that cannot be written into a notebook.
    """
    return _draw(exercise, secret, student) if exercise.variant else exercise


@functools.lru_cache(maxsize=4096)
def _draw(exercise: Exercise, secret: str, student: str) -> Exercise:
    values = draw_values(exercise, secret, student)
    code = _write(exercise, values)
    return replace(
        exercise,
        title=_fill(exercise.title, values),
        text=_fill(exercise.text, values),
        setup=(code, *exercise.setup),
        values=code,
    )


def draw_values(exercise: Exercise, secret: str, student: str) -> dict[str, Any]:
    """Return a student's values by name, as Python's own numbers, strings and lists, and arrays; see `draw`."""
    names: dict[str, Any] = {"__name__": "variant"}
    with drawing_from(secret, f"{exercise.id} {student}"):
        try:
            exec(compile(exercise.variant, "variant", "exec"), names)
        except Exception as error:
            raise ValueError(
                f"exercise {exercise.id}: the variant cell stopped with {type(error).__name__}: {error}"
            ) from error
    kept = {
        name: value
        for name, value in names.items()
        if not (name.startswith("_") or isinstance(value, (types.ModuleType, np.random.Generator)) or callable(value))
    }
    if not kept:
        raise ValueError(f"exercise {exercise.id}: the variant cell leaves no value")
    return {name: _plain(exercise, name, value) for name, value in kept.items()}


def samples(exercise: Exercise, *, count: int = 10) -> list[Exercise]:
    """Return an exercise with the values of so many invented students, to be checked; itself if nothing is drawn."""
    return [draw(exercise, "", str(number)) for number in range(count)] if exercise.variant else [exercise]


def _plain(exercise: Exercise, name: str, value: Any) -> Any:
    """Return a value as what can be written, or raise."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, np.ndarray):
        if value.dtype.kind not in "biuf" or value.size > MAX_ENTRIES or not np.isfinite(value).all():
            raise ValueError(
                f"exercise {exercise.id}: {name}: expected an array of at most {MAX_ENTRIES} finite numbers, got "
                f"{value.size} of type {value.dtype}; for more data, draw a seed, and the data in a set-up cell"
            )
        return value
    if isinstance(value, list | tuple):
        entries = [_plain(exercise, name, entry) for entry in value]
        return entries if isinstance(value, list) else tuple(entries)
    if isinstance(value, dict):
        return {_plain(exercise, name, key): _plain(exercise, name, entry) for key, entry in value.items()}
    if not isinstance(value, str | int | float | None) or (isinstance(value, float) and not math.isfinite(value)):
        raise ValueError(
            f"exercise {exercise.id}: {name}: expected numbers, strings, lists, dictionaries or arrays of them, "
            f"got {value!r}"
        )
    return value


def _fill(text: str, values: dict[str, Any]) -> str:
    """Replace ``{name}`` and ``{name:format}`` by a value; braces around anything else, as in formulas, stay."""

    def fill(match: re.Match[str]) -> str:
        name, spec = match.groups()
        return format(values[name], spec or "") if name in values else match[0]

    return _PLACEHOLDER.sub(fill, text)


def _write(exercise: Exercise, values: dict[str, Any]) -> str:
    """Return the set-up cell with the values."""
    lines = [f"# Your own values for exercise {exercise.id}. Changing them does not change how it is graded."]
    arrays = any(isinstance(value, np.ndarray) for value in values.values())
    lines += ["import numpy as np", ""] if arrays else []
    return "\n".join(lines + [f"{name} = {_literal(value)}" for name, value in values.items()])


def _literal(value: Any) -> str:
    if not isinstance(value, np.ndarray):
        return repr(value)
    entries = textwrap.fill(repr(value.tolist()), 100, subsequent_indent="    ", break_long_words=False)
    return f'np.array({entries}, dtype="{value.dtype}")'
