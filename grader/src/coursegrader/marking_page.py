"""The page on which a person marks answers: what it shows, and what its form sends.

It does not know whose answer it is. Students' texts are shown as they are typed, not as Markdown, and nothing in them
becomes part of the page.
"""

import html
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from coursegrader import pages
from coursegrader.marking import MAX_COMMENT, Decision, Item, Journal, Key, Mark, latest

MAX_REUSED = 9  # earlier comments that are offered
_KEYS = (
    ("1 to 9", "tick a criterion, or not"),
    ("Enter", "save, and go to the next answer without a mark"),
    ("n, \N{RIGHTWARDS ARROW}", "next answer; what you changed is saved"),
    ("p, \N{LEFTWARDS ARROW}", "previous answer; what you changed is saved"),
    ("u", "take back the last mark"),
    ("c", "comment; Escape leaves it, Ctrl and Enter save"),
)

_HEAD = """<link rel="icon" href="data:,">
<link rel="stylesheet" href="/{token}/mark.css">
<script src="/{token}/mark.js" defer></script>"""


@dataclass
class Session:
    """One marker at work.

    Attributes
    ----------
    items : list of Item
        The answers, in the order in which they are shown.
    journal : Journal
        Where marks go; it is open.
    decisions : dict of tuple to Decision
        For answers on which markers differ, what they gave. Given, all marks of this session settle.
    """

    items: Sequence[Item]
    journal: Journal
    decisions: Mapping[Key, Decision] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._marks = self._read()

    def _read(self) -> list[Mark]:
        return [mark for mark in self.journal.marks() if mark.settles == bool(self.decisions)]

    def mark(self, place: int) -> Mark | None:
        """Return what this marker gave to an answer, also if the rubric has changed since."""
        return latest(self._marks, self.items[place])

    def is_marked(self, place: int) -> bool:
        """Return whether this marker has marked an answer, by the rubric as it is."""
        mark = self.mark(place)
        return mark is not None and mark.fits(self.items[place].rubric)

    def left(self) -> list[int]:
        """Return the places of the answers that this marker has not marked."""
        return [place for place in range(len(self.items)) if not self.is_marked(place)]

    def following(self, place: int) -> int | None:
        """Return the next answer that is not marked, from the beginning again after the last; None if all are."""
        left = self.left()
        return next((number for number in left if number > place), left[0] if left else None)

    def save(self, place: int, form: Mapping[str, list[str]]) -> None:
        """Save what the form of an answer says.

        Raises
        ------
        ValueError
            It says something that the page does not send.
        """
        item = self.items[place]
        criteria = tuple(criterion.text for criterion in item.rubric.criteria)
        try:
            met = tuple(criteria[number] for number in sorted({int(value) for value in form.get("met", [])} - {-1}))
            adjustment = float(form.get("adjustment", ["0"])[0] or 0)
        except (ValueError, IndexError) as error:
            raise ValueError("met, adjustment: expected numbers as the page has them") from error
        if not math.isfinite(adjustment) or abs(adjustment) > item.rubric.points:
            raise ValueError(f"adjustment: expected at most {item.rubric.points} points, got {adjustment}")
        comment = form.get("comment", [""])[0].replace("\r\n", "\n").strip()[:MAX_COMMENT]
        mark = Mark(*item.key, criteria, met, adjustment, comment, settles=bool(self.decisions))
        before = self.mark(place)
        if before is None or not _says_the_same(before, mark):
            self.journal.add(mark)
            self._marks = self._read()

    def undo(self) -> int | None:
        """Take the last mark back; return where its answer is, None if there is no mark or the answer is not shown."""
        last = self._marks[-1] if self._marks else None
        if last is None or self.journal.marks()[-1] != last:
            return None
        self.journal.undo()
        self._marks = self._read()
        key = (last.question, last.answer)
        return next((place for place, item in enumerate(self.items) if item.key == key), None)

    def comments(self, place: int) -> list[str]:
        """Return this marker's comments on other answers to the same question, the most frequent first."""
        question = self.items[place].exercise.id
        own = self.mark(place)
        said = Counter(mark.comment for mark in self._marks if mark.question == question and mark != own)
        return [comment for comment, _ in said.most_common() if comment][:MAX_REUSED]


def _says_the_same(one: Mark, other: Mark) -> bool:
    def said(mark: Mark) -> tuple[object, ...]:
        return set(mark.criteria), mark.met, mark.adjustment, mark.comment

    return said(one) == said(other)


def make_page(session: Session, place: int, *, token: str, note: str = "") -> str:
    """Return the page of one answer; `note` says what has just happened."""
    item = session.items[place]
    exercise = item.exercise
    ids = list(dict.fromkeys(other.exercise.id for other in session.items))
    left = len(session.left())
    where = f"Question {ids.index(exercise.id) + 1} of {len(ids)}, answer {place + 1} of {len(session.items)}"
    mark = session.mark(place)
    state = "marked" if session.is_marked(place) else "not marked"
    body = f"""<header><h1>{html.escape(exercise.title)}</h1>
<p>{where}: {state}. {left} left.</p>
<progress max="{len(session.items)}" value="{len(session.items) - left}" aria-label="Answers marked"></progress>
<p role="status">{html.escape(note)}</p></header>
<main>
<details><summary>The question</summary><pre>{html.escape(exercise.text)}</pre></details>
{_make_answer(item, place, token)}
{_make_differences(session, item)}
{_make_form(session, place, mark, token)}
</main>
<footer><details><summary>Keys</summary>{_make_keys()}</details>
<form method="post"><input type="hidden" name="token" value="{token}">
<p class="row"><button name="action" value="end">End, and write the tables</button></p></form></footer>"""
    return pages.assemble(f"{place + 1}: {exercise.title}", body, head=_HEAD.format(token=token))


def make_message(title: str, text: str, *, token: str, can_end: bool = False) -> str:
    """Return a page that says something, with a way back and the button that ends everything."""
    end = f"""<p><a href="/{token}/1">Look at the answers again</a></p>
<form method="post" action="/{token}/1"><input type="hidden" name="token" value="{token}">
<p class="row"><button class="main" name="action" value="end">End, and write the tables</button>
<button name="action" value="undo">Take back the last mark</button></p></form>"""
    body = f"<main><h1>{html.escape(title)}</h1><p>{html.escape(text)}</p>{end if can_end else ''}</main>"
    return pages.assemble(title, body, head=_HEAD.format(token=token))


def _make_answer(item: Item, place: int, token: str) -> str:
    count = len(item.figures)
    figures = "".join(
        f'<img src="/{token}/{place + 1}/{number}.png" alt="Figure {number} of {count} in this answer">'
        for number in range(1, count + 1)
    )
    if item.rubric.answer == "figure" and not count:
        figures = "<p>There is no figure in the notebook, only this code.</p>"
    text = f'<pre dir="auto">{html.escape(item.text)}</pre>' if item.text else ""
    if item.rubric.answer == "figure" and count and text:
        text = f"<details><summary>The code</summary>{text}</details>"
    remark = f"<p>{html.escape(item.remark)}</p>" if item.remark else ""
    return f'<section aria-labelledby="answer"><h2 id="answer">Answer</h2>{figures}{text}{remark}</section>'


def _make_differences(session: Session, item: Item) -> str:
    """Return a table of what the markers gave to an answer on which they differ."""
    decision = session.decisions.get(item.key)
    if decision is None:
        return ""
    rows = "".join(
        f'<tr><th scope="row">{html.escape(mark.marker)}</th><td>{mark.points(item.rubric):g}</td>'
        f"<td>{html.escape('; '.join(mark.met) or 'none')}</td><td>{html.escape(mark.comment)}</td></tr>"
        for mark in decision.marks
    )
    return f"""<section aria-labelledby="differ"><h2 id="differ">What markers gave</h2>
<table><thead><tr><th scope="col">Marker</th><th scope="col">Points</th><th scope="col">Met</th>
<th scope="col">Comment</th></tr></thead><tbody>{rows}</tbody></table></section>"""


def _make_form(session: Session, place: int, mark: Mark | None, token: str) -> str:
    item, most = session.items[place], session.items[place].rubric.points
    met = mark.met if mark else ()
    criteria = "".join(
        f'<label class="criterion"><input type="checkbox" name="met" value="{number}" '
        f'data-points="{criterion.points}"{" checked" if criterion.text in met else ""}>'
        f"<kbd>{number + 1}</kbd><span>{html.escape(criterion.text)}</span><span>{criterion.points}</span></label>"
        for number, criterion in enumerate(item.rubric.criteria)
    )
    note = item.rubric.note
    notes = f"<details><summary>Notes for markers</summary><pre>{html.escape(note)}</pre></details>" if note else ""
    adjustment = f"{mark.adjustment:g}" if mark else "0"
    previous = f'<a rel="prev" href="/{token}/{place}">Previous</a>' if place else ""
    following = f'<a rel="next" href="/{token}/{place + 2}">Next</a>' if place + 1 < len(session.items) else ""
    return f"""<form class="mark" method="post" autocomplete="off" action="/{token}/{place + 1}" data-points="{most}">
<input type="hidden" name="token" value="{token}">
<fieldset><legend>Rubric, {most} points</legend>{criteria}</fieldset>{notes}
<label class="field">Add or take off points
<input type="number" name="adjustment" step="0.5" min="-{most}" max="{most}" value="{adjustment}"></label>
<label class="field">Comment for the student
<textarea name="comment" maxlength="{MAX_COMMENT}">
{html.escape(mark.comment if mark else "")}</textarea></label>
{_make_comments(session.comments(place))}
<p class="row"><button class="main" name="action" value="next">Save and next</button><output></output></p>
<p class="row">{previous}{following}<button name="action" value="previous" hidden>Save and previous</button>
<button name="action" value="undo">Take back the last mark</button></p>
</form>"""


def _make_comments(comments: list[str]) -> str:
    if not comments:
        return ""
    buttons = "".join(
        f'<button type="button" data-comment="{html.escape(comment)}">{html.escape(comment)}</button>'
        for comment in comments
    )
    return f"<details open><summary>Earlier comments</summary><div class='row'>{buttons}</div></details>"


def _make_keys() -> str:
    rows = "".join(f'<tr><th scope="row">{key}</th><td>{what}</td></tr>' for key, what in _KEYS)
    switch = '<label class="field"><input type="checkbox" id="keys" checked> Use keys</label>'
    return f"{switch}<table><tbody>{rows}</tbody></table>"
