r"""The questions of all quizzes as files that learning platforms import: Moodle XML, GIFT, QTI 2.1 and QTI 1.2.

They are taken from the built pages, so that each says what it says in the book. Links lead to the published site.
Formulas are MathML in QTI 2.1, as its specification has them, and TeX between `\(` and `\)` elsewhere, which Moodle
and Canvas show with MathJax. A question keeps its id until its words change.
"""

import io
import re
import textwrap
import zipfile
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urljoin

from bs4 import BeautifulSoup, Tag
from bs4.filter import SoupStrainer

import addresses
import toc
from folders import SITE
from markup import first
from mnist_lessons.store import write_atomically
from quiz import Option

BOOK = "MNIST Lessons"
MOODLE, GIFT, QTI_21, QTI_12 = FILES = (
    "mnist-questions-moodle.xml",
    "mnist-questions-gift.txt",
    "mnist-questions-qti21.zip",
    "mnist-questions-qti12.zip",
)
# The markup that all platforms keep, with its attributes.
KEPT = {"a": ["href"], "code": [], "em": [], "img": ["src", "alt"], "strong": [], "sub": [], "sup": []}
POINTS = 1
NAME_LENGTH = 60
DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
IMS = "http://www.imsglobal.org/xsd"


class Item(NamedTuple):
    """A question of a quiz: its id, what lists call it, its text and that of its options as HTML."""

    key: str
    name: str
    text: str
    options: list[Option]


class Chapter(NamedTuple):
    """The quiz of a chapter; titles sort in the order of the book."""

    name: str
    title: str
    items: list[Item]


def write(site: Path = SITE) -> None:
    """Write the four files beside the pages of a built site."""
    chapters = read(site)
    write_atomically(site / MOODLE, moodle_xml(chapters))
    write_atomically(site / GIFT, gift(chapters))
    write_atomically(site / QTI_21, pack(qti_21(chapters)))
    write_atomically(site / QTI_12, pack(qti_12(chapters)))


def pack(files: Mapping[str, str]) -> bytes:
    """Return a zip with files by their paths, the same bytes for the same texts."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in files.items():
            entry = zipfile.ZipInfo(name)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, text)
    return packed.getvalue()


# What the pages say -----------------------------------------------------------------------------------------------


def read(site: Path) -> list[Chapter]:
    """Return the quizzes of all chapters that have one, in reading order."""
    pages = {name: (site / f"book/{name}.html").read_text(encoding="utf-8") for name in toc.chapters()}
    where = addresses.read()
    return [
        read_page(name, html, where.page(f"book/{name}")) for name, html in pages.items() if "ml-quiz-question" in html
    ]


def read_page(name: str, html: str, address: str) -> Chapter:
    """Return the quiz on a chapter's page, which is published at an address."""
    soup = BeautifulSoup(html, "html.parser", parse_only=SoupStrainer(["h1", "fieldset"]))  # in half the time
    heading = first(soup, "h1")
    number = first(heading, ".section-number").extract().get_text(strip=True)
    subject = heading.get_text().partition(":")[0].strip()
    items = [
        read_item(question, f"{name} {place}", address)
        for place, question in enumerate(soup.select(".ml-quiz-question"), 1)
    ]
    return Chapter(name, f"{int(number):02} {subject}", items)


def read_item(question: Tag, place: str, address: str) -> Item:
    """Return a question as its page has it, without the number and the letters."""
    for drop in question.select("label b, [popover]"):
        drop.decompose()
    options = []
    for label, answer in zip(question.select("label > span"), question.select("li"), strict=True):
        first(answer, "strong").decompose()
        right = "ml-quiz-right" in (answer.get("class") or [])
        options.append(Option(fragment(label, address), right, fragment(answer, address)))
    text = re.sub(r"^\d+\. ", "", fragment(first(question, "legend"), address))
    words = BeautifulSoup(with_tex(text), "html.parser").get_text()
    name = f"{place}: {textwrap.shorten(words, NAME_LENGTH, placeholder='…')}"
    return Item(str(question["data-key"]), name, text, options)


def fragment(element: Tag, address: str) -> str:
    """Return what an element holds as well-formed HTML, with no other markup than `KEPT` and formulas."""
    for part in element.find_all(True):
        if part.name == "math" or part.find_parent("math"):
            for name in ("class", "style"):
                part.attrs.pop(name, None)
            if part.name == "math":
                part["xmlns"] = "http://www.w3.org/1998/Math/MathML"
        elif part.name in KEPT:
            kept = {name: str(part[name]) for name in KEPT[part.name] if name in part.attrs}
            part.attrs = {name: urljoin(address, kept[name]) if name != "alt" else kept[name] for name in kept}
        else:
            part.unwrap()
    return re.sub(r"[ \t\n]+", " ", element.decode_contents()).strip()


def with_tex(html: str) -> str:
    r"""Return HTML with each formula as TeX between `\(` and `\)`."""
    soup = BeautifulSoup(html, "html.parser")
    for formula in soup.select("math"):
        formula.replace_with(rf"\({first(formula, 'annotation').get_text()}\)")
    return str(soup)


def in_xml(html: str) -> str:
    """Return HTML with TeX as the text of an XML element."""
    return escape(with_tex(html), quote=False)


# Moodle -----------------------------------------------------------------------------------------------------------


def category(chapter: Chapter) -> str:
    """Return the path of a chapter's category below the top of the course's question bank."""
    return "$course$/top/" + "/".join(name.replace("/", "//") for name in (BOOK, chapter.title))


def moodle_xml(chapters: list[Chapter]) -> str:
    """Return the questions as Moodle's own XML, a category a chapter."""
    text = f"{DECLARATION}<quiz>\n"
    for chapter in chapters:
        named = escape(category(chapter), quote=False)
        text += f'<question type="category"><category><text>{named}</text></category></question>\n'
        text += "".join(map(moodle_question, chapter.items))
    return f"{text}</quiz>\n"


def moodle_question(item: Item) -> str:
    """Return a question in Moodle's XML."""
    answers = "".join(
        f'<answer fraction="{100 * option.right}" format="html"><text>{in_xml(option.text)}</text>\n'
        f'<feedback format="html"><text>{in_xml(option.because)}</text></feedback></answer>\n'
        for option in item.options
    )
    return (
        f'<question type="multichoice">\n<name><text>{escape(item.name, quote=False)}</text></name>\n'
        f'<questiontext format="html"><text>{in_xml(item.text)}</text></questiontext>\n'
        f"<defaultgrade>{POINTS}</defaultgrade><penalty>0.3333333</penalty><idnumber>{item.key}</idnumber>\n"
        "<single>true</single><shuffleanswers>true</shuffleanswers><answernumbering>abc</answernumbering>\n"
        f"<showstandardinstruction>0</showstandardinstruction>\n{answers}</question>\n"
    )


def gift(chapters: list[Chapter]) -> str:
    """Return the questions as GIFT, a category a chapter; a blank line ends each."""
    text = f"// The questions of {BOOK}, for import as GIFT.\n\n"
    for chapter in chapters:
        # Moodle reads no escapes in the name of a category; a title has no colon.
        text += f"$CATEGORY: {category(chapter)}\n\n{''.join(map(gift_question, chapter.items))}"
    return text


def gift_question(item: Item) -> str:
    """Return a question in GIFT; every text says that it is HTML."""
    text = f"// [id:{item.key}]\n::{in_gift(item.name)}::[html]{in_gift(with_tex(item.text))}{{\n"
    for option in item.options:
        answer, because = (f"[html]{in_gift(with_tex(part))}" for part in (option.text, option.because))
        text += f"\t{'=' if option.right else '~'}{answer}#{because}\n"
    return f"{text}}}\n\n"


def in_gift(text: str) -> str:
    r"""Return a text with what means something in GIFT escaped, and the backslash: `\nu` would begin a new line."""
    return re.sub(r"([\\~=#{}:])", r"\\\1", text)


# QTI 2.1 ----------------------------------------------------------------------------------------------------------


def qti_21(chapters: list[Chapter]) -> dict[str, str]:
    """Return the files of a package of QTI 2.1 by their paths: an item a question and a test a chapter."""
    resources = ""
    files = {"imsmanifest.xml": ""}
    for chapter in chapters:
        name = f"tests/{chapter.name}.xml"
        files[name] = test_21(chapter)
        needs = "".join(f'<dependency identifierref="{item.key}"/>' for item in chapter.items)
        resources += resource(f"test-{chapter.name}", "imsqti_test_xmlv2p1", name, needs)
        for item in chapter.items:
            files[item_file(item)] = item_21(item)
            resources += resource(item.key, "imsqti_item_xmlv2p1", item_file(item))
    files["imsmanifest.xml"] = (
        f'{DECLARATION}<manifest identifier="mnist-questions" xmlns="{IMS}/imscp_v1p1">\n'
        "<metadata><schema>QTIv2.1 Package</schema><schemaversion>1.0.0</schemaversion></metadata>\n"
        f"<organizations/>\n<resources>\n{resources}</resources>\n</manifest>\n"
    )
    return files


def item_file(item: Item) -> str:
    """Return the path of an item in its package."""
    return f"items/{item.key}.xml"


def resource(identity: str, kind: str, file: str, needs: str = "") -> str:
    """Return an entry of a manifest."""
    return f'<resource identifier="{identity}" type="{kind}" href="{file}"><file href="{file}"/>{needs}</resource>\n'


def root_21(name: str, attributes: str) -> str:
    """Return the beginning of a file of QTI 2.1."""
    place = f'xmlns="{IMS}/imsqti_v2p1" {XSI} xsi:schemaLocation="{IMS}/imsqti_v2p1 {IMS}/qti/qtiv2p1/imsqti_v2p1.xsd"'
    return f"{DECLARATION}<{name} {place} {attributes}>\n"


def test_21(chapter: Chapter) -> str:
    """Return the test that has the questions of a chapter; each shows its feedback when it has been answered."""
    items = "".join(
        f'<assessmentItemRef identifier="{item.key}" href="../{item_file(item)}"/>\n' for item in chapter.items
    )
    title = escape(chapter.title)
    return (
        root_21("assessmentTest", f'identifier="test-{chapter.name}" title="{title}"')
        + '<outcomeDeclaration identifier="SCORE" cardinality="single" baseType="float"/>\n'
        '<testPart identifier="part" navigationMode="nonlinear" submissionMode="individual">\n'
        '<itemSessionControl maxAttempts="0" showFeedback="true"/>\n'
        f'<assessmentSection identifier="section" title="{title}" visible="false">\n{items}</assessmentSection>\n'
        '</testPart>\n<outcomeProcessing><setOutcomeValue identifier="SCORE"><sum><testVariables '
        'variableIdentifier="SCORE"/></sum></setOutcomeValue></outcomeProcessing>\n</assessmentTest>\n'
    )


def item_21(item: Item) -> str:
    """Return a question as an item of QTI 2.1."""
    options = list(enumerate(item.options, 1))
    right = next(number for number, option in options if option.right)
    choices = "".join(
        f'<simpleChoice identifier="choice-{number}">{option.text}</simpleChoice>\n' for number, option in options
    )
    feedback = "".join(
        f'<modalFeedback outcomeIdentifier="FEEDBACK" identifier="told-{number}" showHide="show">'
        f"<p>{option.because}</p></modalFeedback>\n"
        for number, option in options
    )
    return (
        root_21(
            "assessmentItem",
            f'identifier="{item.key}" title="{escape(item.name)}" xml:lang="en" adaptive="false" timeDependent="false"',
        )
        + '<responseDeclaration identifier="RESPONSE" cardinality="single" baseType="identifier">'
        f"<correctResponse><value>choice-{right}</value></correctResponse></responseDeclaration>\n"
        f'<outcomeDeclaration identifier="SCORE" cardinality="single" baseType="float" normalMaximum="{POINTS}">'
        "<defaultValue><value>0</value></defaultValue></outcomeDeclaration>\n"
        '<outcomeDeclaration identifier="FEEDBACK" cardinality="multiple" baseType="identifier"/>\n'
        '<itemBody><choiceInteraction responseIdentifier="RESPONSE" shuffle="true" maxChoices="1">\n'
        f"<prompt>{item.text}</prompt>\n{choices}</choiceInteraction></itemBody>\n"
        f"<responseProcessing><responseCondition>\n{''.join(outcome_21(*each) for each in options)}"
        f"</responseCondition></responseProcessing>\n{feedback}</assessmentItem>\n"
    )


def outcome_21(number: int, option: Option) -> str:
    """Return what choosing an option sets: the score, and the feedback in the form that Canvas looks for."""
    branch = "responseIf" if number == 1 else "responseElseIf"
    return (
        f'<{branch}><match><variable identifier="RESPONSE"/><baseValue baseType="identifier">choice-{number}'
        '</baseValue></match><setOutcomeValue identifier="SCORE"><baseValue baseType="float">'
        f'{POINTS * option.right}</baseValue></setOutcomeValue><setOutcomeValue identifier="FEEDBACK"><multiple>'
        f'<variable identifier="FEEDBACK"/><baseValue baseType="identifier">told-{number}</baseValue></multiple>'
        f"</setOutcomeValue></{branch}>\n"
    )


# QTI 1.2 ----------------------------------------------------------------------------------------------------------


def qti_12(chapters: list[Chapter]) -> dict[str, str]:
    """Return the files of a package of QTI 1.2 by their paths: for each chapter, a quiz and Canvas's settings for it.

    Canvas looks for settings in a folder of the quiz's name.
    """
    resources = ""
    files = {"imsmanifest.xml": ""}
    for chapter in chapters:
        name = f"mnist-{chapter.name}"
        quiz, settings = f"{name}/{name}.xml", f"{name}/assessment_meta.xml"
        files |= {quiz: quiz_12(chapter, name), settings: settings_12(chapter, name)}
        resources += resource(name, "imsqti_xmlv1p2", quiz, f'<dependency identifierref="{name}-settings"/>')
        kind = "associatedcontent/imscc_xmlv1p1/learning-application-resource"
        resources += resource(f"{name}-settings", kind, settings)
    files["imsmanifest.xml"] = (
        f'{DECLARATION}<manifest identifier="mnist-questions" xmlns="{IMS}/imsccv1p1/imscp_v1p1">\n'
        "<metadata><schema>IMS Content</schema><schemaversion>1.1.3</schemaversion></metadata>\n"
        f"<organizations/>\n<resources>\n{resources}</resources>\n</manifest>\n"
    )
    return files


def settings_12(chapter: Chapter, name: str) -> str:
    """Return what Canvas is told of a quiz: it is for practice, may be repeated, and shuffles the options."""
    return (
        f'{DECLARATION}<quiz identifier="{name}" xmlns="http://canvas.instructure.com/xsd/cccv1p0">\n'
        f"<title>{escape(chapter.title, quote=False)}</title>\n<shuffle_answers>true</shuffle_answers>\n"
        "<quiz_type>practice_quiz</quiz_type>\n<allowed_attempts>-1</allowed_attempts>\n"
        f"<points_possible>{POINTS * len(chapter.items)}</points_possible>\n</quiz>\n"
    )


def quiz_12(chapter: Chapter, name: str) -> str:
    """Return the quiz of a chapter in QTI 1.2."""
    place = f'xmlns="{IMS}/ims_qtiasiv1p2" {XSI} xsi:schemaLocation="{IMS}/ims_qtiasiv1p2 {IMS}/ims_qtiasiv1p2p1.xsd"'
    items = "".join(map(item_12, chapter.items))
    return (
        f'{DECLARATION}<questestinterop {place}>\n<assessment ident="{name}" title="{escape(chapter.title)}">\n'
        f'<section ident="root_section">\n{items}</section>\n</assessment>\n</questestinterop>\n'
    )


def item_12(item: Item) -> str:
    """Return a question as an item of QTI 1.2."""
    options = list(enumerate(item.options, 1))
    fields = "".join(
        f"<qtimetadatafield><fieldlabel>{label}</fieldlabel><fieldentry>{entry}</fieldentry></qtimetadatafield>"
        for label, entry in {"question_type": "multiple_choice_question", "points_possible": POINTS}.items()
    )
    choices = "".join(
        f'<response_label ident="choice{number}">{material_12(option.text)}</response_label>\n'
        for number, option in options
    )
    feedback = "".join(
        f'<itemfeedback ident="choice{number}_fb"><flow_mat>{material_12(option.because)}</flow_mat></itemfeedback>\n'
        for number, option in options
    )
    right = next(number for number, option in options if option.right)
    conditions = "".join(
        condition_12(number, f'<displayfeedback feedbacktype="Response" linkrefid="choice{number}_fb"/>', "Yes")
        for number, _ in options
    ) + condition_12(right, '<setvar action="Set" varname="SCORE">100</setvar>', "No")
    return (
        f'<item ident="{item.key}" title="{escape(item.name)}">\n'
        f"<itemmetadata><qtimetadata>{fields}</qtimetadata></itemmetadata>\n"
        f'<presentation>{material_12(item.text)}\n<response_lid ident="response1" rcardinality="Single">'
        f'<render_choice shuffle="Yes">\n{choices}</render_choice></response_lid></presentation>\n'
        '<resprocessing><outcomes><decvar maxvalue="100" minvalue="0" varname="SCORE" vartype="Decimal"/></outcomes>\n'
        f"{conditions}</resprocessing>\n{feedback}</item>\n"
    )


def material_12(html: str) -> str:
    """Return HTML as material of QTI 1.2."""
    return f'<material><mattext texttype="text/html">{in_xml(html)}</mattext></material>'


def condition_12(number: int, outcome: str, more: str) -> str:
    """Return what happens where an option is chosen, and whether later conditions are looked at."""
    return (
        f'<respcondition continue="{more}"><conditionvar><varequal respident="response1">choice{number}</varequal>'
        f"</conditionvar>{outcome}</respcondition>\n"
    )
