"""The rubric of a question that a person marks: its criteria with their points, and what is handed in for it."""

import re
from dataclasses import dataclass

ANSWERS = ("text", "figure")
_CRITERION = re.compile(r"[-*] +(\d+): +(\S.*)")
_STUBS = {
    "text": "*Write your answer here.*",
    "figure": "# Write your code here. The figures below this cell are marked, so run it before you hand in.",
}


@dataclass(frozen=True)
class Criterion:
    """What an answer gets points for."""

    text: str
    points: int


@dataclass(frozen=True)
class Rubric:
    """How a person marks the answers to a question.

    Attributes
    ----------
    answer : str
        What is marked: ``text``, a Markdown cell, or ``figure``, what a code cell has put out.
    criteria : tuple of Criterion
        In order. An answer gets the points of those that it meets.
    note : str
        What else markers should know, such as a good answer.
    """

    answer: str
    criteria: tuple[Criterion, ...]
    note: str = ""

    @property
    def points(self) -> int:
        """The maximum score."""
        return sum(criterion.points for criterion in self.criteria)

    @property
    def stub(self) -> str:
        """The cell that students start from."""
        return _STUBS[self.answer]


def read_rubric(text: str, *, answer: object) -> Rubric:
    """Return the rubric that a Markdown cell holds: a list of lines such as ``- 2: names both axes``, then a note.

    Raises
    ------
    ValueError
        There is no criterion, one has no points or is there twice, or the answer is of an unknown kind.
    """
    if answer not in ANSWERS:
        raise ValueError(f"answer: expected one of {', '.join(ANSWERS)}, got {answer!r}")
    listing, _, note = text.strip().partition("\n\n")
    criteria = []
    for line in re.sub(r"\n +", " ", listing).splitlines():
        found = _CRITERION.fullmatch(line.strip())
        if not found or not int(found[1]):
            raise ValueError(f"rubric: expected lines such as '- 2: names both axes', got {line.strip()!r}")
        criteria.append(Criterion(found[2], int(found[1])))
    texts = [criterion.text for criterion in criteria]
    if not texts or len(set(texts)) < len(texts):
        raise ValueError(f"rubric: expected criteria, each once, got {', '.join(texts) or 'none'}")
    return Rubric(str(answer), tuple(criteria), note.strip())
