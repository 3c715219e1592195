"""The built pages as a book has them: without controls, in reading order, with the answers in an appendix.

`pdf.py` prints them and `epub.py` packs them. Folds are open, a widget is a picture with the address where it can be
tried, and each id is one of its own in the whole, so that every link between pages leads to `#id`.
"""

import os
import re
from collections.abc import Iterator
from html import escape
from pathlib import Path

from bs4 import BeautifulSoup, Tag

import addresses
import toc
from folders import BUILD, SITE
from markup import first
from plain import picture_text

PICTURES = BUILD / "pictures"
HANGING_INDENT = 4
# What site.css gives no color in code. Each would be an element of the PDF's tags, which are half of its bytes.
PLAIN_CODE = ".highlight span:is(:not([class]), .n, .nn, .o, .p, .w), code span"
NOT_IN_BOOKS = (
    "script, .headerlink, .only-dark, .facts, [popover]:not(.ml-check), .ml-check > p:last-child, #take-it-with-you, "
    ".ml-quiz-question :is(button, [role]), .ml-guess-act, .ml-guess-question [role], .by-platform, "
    ".ml-figure-tools, .figure-index img"
)
PAGES_NOT_IN_BOOKS = ("book/progress",)  # what a browser keeps
# What the site says about itself and what is true in a book.
IN_BOOKS = {
    "below it, a solution that stays closed until you open it": "at the end of the book, a solution",
    "The code after the solution tests it": "The code below the hint tests your solution",
    "Each has a hint, tests, and a solution that stays closed until you open it. The page of the exercises opens as a "
    "notebook, too, with places for your answers.": "Each has a hint and tests, and a solution at the end of the book.",
    "to which every page links": addresses.read().repository,
    "; the link Report a problem at the foot of each page leads there": f" ({addresses.read().repository}/issues)",
}


def manuscript() -> dict[str, Tag]:
    """Return the text of each page in reading order, and last the appendix, by the id that each has in the whole."""
    pages, site = book_pages(), addresses.read().site
    texts = {page: chapter(page, set(pages), site) for page in pages}
    appendix = answers(texts)
    return {str(text["id"]): text for text in [*texts.values(), appendix]}


def book_pages() -> list[str]:
    """Return the pages that are in books, in reading order."""
    return [page for page in toc.pages() if page not in PAGES_NOT_IN_BOOKS]


def chapter(page: str, pages: set[str], site: str) -> Tag:
    """Return a page's text, with ids of its own, links that lead to them, and pictures as addresses of files."""
    soup = BeautifulSoup((SITE / f"{page}.html").read_text(encoding="utf-8"), "html.parser")
    text = first(soup, "main article")
    for drop in text.select(NOT_IN_BOOKS):
        drop.decompose()
    for term in text.select("button.term"):
        term.name, term.attrs = "span", {}
    print_claims(text)
    for button in text.select("button"):
        button.unwrap()
    for name in ("id", "aria-labelledby"):
        for element in text.select(f"[{name}]"):
            element[name] = anchor(page, str(element[name]))
    text["id"] = anchor(page)
    # Where a heading moves to the next page, what is before it in its section would stay, and links would lead there.
    for heading in text.select("section > span:first-child + :is(h1, h2, h3)"):
        heading.insert(0, first(heading.parent or soup, "span"))
    for image in text.select("img[src]"):
        image["src"] = (SITE / page).parent.joinpath(str(image["src"])).resolve().as_uri()
        for name in ("loading", "decoding", "class"):
            image.attrs.pop(name, None)
    for link in text.select("a[href]"):
        link["href"] = target(page, str(link["href"]), pages, site)
    for place in text.select(".ml-widget"):
        print_widget(place, f"{site}{page}.html")
    for question in text.select(".ml-quiz-question, .ml-guess-question"):
        print_question(question)
    for folded in text.select("details"):
        unfold(folded)
    for plain in text.select(PLAIN_CODE):
        plain.unwrap()
    for block in text.select("div.highlight > pre, .claim-note pre"):
        hang(block)
    for words in text.find_all(string=re.compile("|".join(map(re.escape, IN_BOOKS)))):
        words.replace_with(re.sub("|".join(map(re.escape, IN_BOOKS)), lambda found: IN_BOOKS[found[0]], words))
    return text


def anchor(page: str, name: str = "") -> str:
    """Return the id that an element of a page has in the whole."""
    return f"{page.replace('/', '-')}--{name}" if name else page.replace("/", "-")


def target(page: str, link: str, pages: set[str], site: str) -> str:
    """Return where a link leads: into the book, or for what is not in it to the published site."""
    if re.match(r"[a-z]+:", link):
        return link
    path, _, name = link.partition("#")
    other = page if not path else os.path.normpath(Path(page).parent / path).removesuffix(".html")
    if other in pages:
        return f"#{anchor(other, name)}"
    return f"{site}{os.path.normpath(Path(page).parent / path)}"


def print_claims(text: Tag) -> None:
    """Make each mark of a claim the number of a note at the end of its page, with links there and back."""
    for mark in text.select("button.ml-claim"):
        link = markup(f'<a href="#{mark["popovertarget"]}">{mark["data-number"]}</a>')
        link["aria-label"] = f"{mark['data-number']}: {mark['aria-label']}"
        mark.name, mark.attrs = "sup", {"class": "claim", "id": mark["id"]}
        mark.append(link)
    for note in text.select(".ml-check"):
        identity, number = str(note["id"]), note["data-number"]
        note.attrs = {"class": "claim-note", "id": identity}
        named = first(note, "p")
        claim = f'<a href="#{identity.replace("check", "claim", 1)}">{number}</a> {first(named, "b")}'
        named.replace_with(markup(f"<p>{claim}: </p>"))  # the title of all notes says the rest


def print_widget(place: Tag, link: str) -> None:
    """Show what a widget looks like and where it can be tried, in place of the remark that it needs JavaScript."""
    paragraph = first(place, "p")
    for words in paragraph.find_all(string=re.compile("JavaScript")):
        rest = re.sub(r"[^.]*JavaScript[^.]*\.\s*(Without it, )?", "", words)
        words.replace_with(rest[:1].upper() + rest[1:])
    paragraph.insert(0, markup(f'<span>Try it on the site: <a href="{link}">{link.partition("//")[2]}</a>. </span>'))
    name = str(place.attrs.pop("data-widget"))
    picture = PICTURES / f"{name}.png"
    if picture.is_file():
        place.insert(0, markup(f'<p><img src="{picture.as_uri()}" alt="{escape(picture_text(name))}"></p>'))


def print_question(question: Tag) -> None:
    """Make a question of a quiz or a guess a question with lettered options."""
    question.name = "div"
    first(question, "legend").name = "p"
    for option in question.select("label"):
        option.name = "p"
        first(option, "input").decompose()
    form = question.parent
    if form is not None and form.name == "form":
        form.name, form.attrs = "div", {name: form[name] for name in ("class", "id")}


def unfold(folded: Tag) -> None:
    """Put what a fold holds in its place, under what its label says of it unless that has a caption of its own."""
    label = first(folded, "summary")
    says = (label.select_one(".collapsed") or label).get_text(" ", strip=True).removeprefix("Show ")
    kind = {"a solution": "solution", "Hint": "hint"}.get(says, "unfolded")
    more = " answers" if "answers" in (folded.get("class") or []) else ""
    folded.name, folded["class"] = "div", kind + more
    if folded.select_one("caption"):
        label.decompose()
    else:
        label.replace_with(markup(f'<p class="label">{escape(says[:1].upper() + says[1:])}</p>'))


def hang(block: Tag) -> None:
    """Make each line of code an element of its own, which goes on further right where it is too long for the page."""
    # Pygments closes its elements at the end of each line. A long name may be broken behind a dot, bracket or equals
    # sign; else an indented line would be broken before the name, and leave an empty line.
    code = re.sub(r"([.(\[=])(?=(?:<[^>]*>)*[\"'\w])(?![^<>]*>)", r"\1<wbr>", block.decode_contents().rstrip("\n"))
    made = ""
    for line, words in zip(code.split("\n"), block.get_text().split("\n"), strict=False):
        indent = len(words) - len(words.lstrip()) + HANGING_INDENT
        style = f"padding-left:min({indent}ch,50%);text-indent:max(-{indent}ch,-50%)"
        made += f'<span class="line" style="{style}">{line}\n</span>'
    block.replace_with(markup(f"<pre>{made}</pre>"))


def markup(text: str) -> Tag:
    """Return the element that a text of HTML holds, or all that it holds."""
    soup = BeautifulSoup(text, "html.parser")
    only = soup.contents[0] if len(soup.contents) == 1 else soup
    return only.extract() if isinstance(only, Tag) else soup


# Answers ----------------------------------------------------------------------------------------------------------


def answers(texts: dict[str, Tag]) -> Tag:
    """Move the answers out of the texts into an appendix, chapter by chapter, with links there and back."""
    appendix = markup('<article id="answers"><h1>Answers</h1></article>')
    by_name: dict[str, list[Tag]] = {}
    for page, text in texts.items():
        by_name.setdefault(Path(page).name, []).append(text)
    for name, group in by_name.items():
        found = [answer for text in group for answer in [*told(text), *solutions(text)]]
        if found:
            section = markup(f'<section id="answers--{name}"><h2>{title(group[0])}</h2></section>')
            section.extend(found)
            appendix.append(section)
    return appendix


def told(text: Tag) -> Iterator[Tag]:
    """Yield the answer to each question of a fold, a guess and the quiz, and leave a link in its place."""
    for number, box in enumerate(text.select(".unfolded.answers"), 1):
        identity = f"{text['id']}--recall-{number}"
        box.wrap(markup(f'<div id="{identity}"></div>'))
        yield moved(box, first(box, ".label").get_text(), identity, "Question")
    for number, guess in enumerate(text.select(".ml-guess"), 1):
        yield moved(first(guess, ".unfolded"), "Answer", str(guess["id"]), f"Guess {number}")
    for number, question in enumerate(text.select(".ml-quiz-question"), 1):
        yield moved(first(question, ".unfolded"), "Answer", str(question["id"]), f"Question {number}")


def solutions(text: Tag) -> Iterator[Tag]:
    """Yield the solution of each exercise, and leave a link in its place."""
    for solution in text.select(".solution"):
        exercise, cell = solution.find_parent("section"), solution.find_parent(class_="cell")
        assert exercise is not None
        assert cell is not None
        words = f"Exercise “{escape(first(exercise, 'h2').get_text(strip=True))}”"
        yield moved(cell, "Solution", str(exercise["id"]), words)


def moved(answer: Tag, name: str, question: str, words: str) -> Tag:
    """Return an answer with a link back to its question, and put a link to it where it was."""
    identity = f"{question}--answer"
    answer.replace_with(paged(name, identity))
    first(answer, ".label").replace_with(paged(words, question))
    answer["id"], answer["class"] = identity, "answer"
    return answer


def paged(words: str, identity: str) -> Tag:
    """Return a line with a link, which on paper names the page that it leads to."""
    page = f'<span class="on-paper"> on page <span data-page="{identity}"></span></span>'
    return markup(f'<p class="paged"><a href="#{identity}">{words}{page}</a></p>')


def title(text: Tag) -> str:
    """Return a chapter's title as HTML-safe text."""
    return escape(first(text, "h1").get_text(" ", strip=True), quote=False)
