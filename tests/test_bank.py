"""The question bank, read back by readers that know the formats from their specifications alone."""

import re
import zipfile
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest

import bank
import toc
from quiz import read_quiz

ROOT = Path(__file__).resolve().parents[1]
SITE = ROOT / "_build" / "html"
QTI_21 = "{http://www.imsglobal.org/xsd/imsqti_v2p1}"
QTI_12 = "{http://www.imsglobal.org/xsd/ims_qtiasiv1p2}"
MATHML = "{http://www.w3.org/1998/Math/MathML}"
MANIFEST_21 = "{http://www.imsglobal.org/xsd/imscp_v1p1}"
MANIFEST_12 = "{http://www.imsglobal.org/xsd/imsccv1p1/imscp_v1p1}"


class Read(NamedTuple):
    """A question as a platform has it after the import; its options as (text, points, feedback)."""

    chapter: str
    key: str
    text: str
    options: list[tuple[str, float, str]]


# What the book says ---------------------------------------------------------------------------------------------


def plain(text: str) -> str:
    """Return a text without what differs between a quiz's file and its page: quotes, dashes and spaces."""
    for fancy, simple in {"“": '"', "”": '"', "‘": "'", "’": "'", "…": "...", "–": "--", "\u00a0": " "}.items():
        text = text.replace(fancy, simple)
    return " ".join(text.split())


def of_markdown(text: str) -> str:
    """Return what a line of MyST says, with formulas as `\\(TeX\\)`."""
    parts = re.split(r"(?<!\\)\$(.+?)\$|`(.+?)`", text)
    said = [re.sub(r"\*(.+?)\*", r"\1", parts[0])]
    for tex, code, rest in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
        said += [f"\\({tex}\\)" if tex else code, re.sub(r"\*(.+?)\*", r"\1", rest)]
    return plain("".join(said))


def of_html(html: str) -> str:
    """Return what HTML says."""
    return plain(unescape(re.sub(r"</?(a|code|em|strong|sub|sup)\b[^>]*>", "", html)))


def in_book() -> list[Read]:
    """Return the questions as the files of the quizzes have them."""
    found = []
    for name in toc.chapters():
        for question in read_quiz(ROOT / "book" / "quizzes" / f"{name}.yml"):
            options = [
                (of_markdown(option.text), float(option.right), of_markdown(option.because))
                for option in question.options
            ]
            found.append(Read(name, f"{name}-{question.key}", of_markdown(question.text), options))
    return found


# Readers --------------------------------------------------------------------------------------------------------


def read_moodle(text: str) -> Iterator[Read]:
    """Yield the questions of Moodle's XML."""
    category = ""
    for question in ElementTree.fromstring(text):
        if question.get("type") == "category":
            category = question.findtext("category/text") or ""
            continue
        assert (question.get("type"), question.findtext("single")) == ("multichoice", "true")
        assert question.findtext("shuffleanswers") == "true"
        assert {part.get("format") for part in question.iter() if part.find("text") is not None} == {"html", None}
        worth = float(question.findtext("defaultgrade") or 0)
        options = [
            (
                of_html(answer.findtext("text") or ""),
                float(answer.get("fraction", 0)) / 100 * worth,
                of_html(answer.findtext("feedback/text") or ""),
            )
            for answer in question.iter("answer")
        ]
        text = of_html(question.findtext("questiontext/text") or "")
        yield Read(category, question.findtext("idnumber") or "", text, options)


def read_gift(text: str) -> Iterator[Read]:
    """Yield the questions of a file in GIFT, where a backslash takes the meaning from the character after it."""
    category = ""
    for block in re.split(r"\n[ \t]*\n", text):
        lines = [line for line in block.splitlines() if not line.strip().startswith("//")]
        known = re.search(r"\[id:([^]]+)\]", block)
        meant = [(c[-1], len(c) == 1) for c in re.findall(r"\\[\\~=#{}:]|[^\\]|\\", "\n".join(lines).strip(), re.S)]
        said = "".join(c if special else "\0" for c, special in meant)  # where only what means something is left
        if said.startswith("$CATEGORY:"):
            category = said.removeprefix("$CATEGORY:").strip()
        elif said:
            assert known
            begin, end = said.index("{"), said.index("}")
            assert end == len(said) - 1
            marks = [place for place in range(begin, end) if said[place] in "=~"]
            options = []
            for place, until in zip(marks, [*marks[1:], end], strict=True):
                told = said.index("#", place, until)
                assert said.count("#", place, until) == 1
                answer, because = (taken(meant, *span) for span in [(place + 1, told), (told + 1, until)])
                options.append((answer, float(said[place] == "="), because))
            yield Read(category, known[1], taken(meant, said.index("::", 2) + 2, begin), options)


def taken(meant: list[tuple[str, bool]], begin: int, end: int) -> str:
    """Return what a part of a question in GIFT says, which has to be marked as HTML."""
    text = "".join(character for character, _ in meant[begin:end]).strip()
    assert text.startswith("[html]")
    return of_html(text.removeprefix("[html]"))


def resources(archive: zipfile.ZipFile, namespace: str, kind: str) -> list[str]:
    """Return the files of a kind that a package lists, all of whose files are listed and there."""
    manifest = ElementTree.fromstring(archive.read("imsmanifest.xml"))
    listed = manifest.findall(f".//{namespace}resource")
    names = {entry.get("identifier") for entry in listed}
    assert len(names) == len(listed)
    assert {entry.get("identifierref") for entry in manifest.iter(f"{namespace}dependency")} <= names
    files = [str(file.get("href")) for entry in listed for file in entry.iter(f"{namespace}file")]
    assert sorted([*files, "imsmanifest.xml"]) == sorted(archive.namelist())
    return [str(entry.find(f"{namespace}file").get("href")) for entry in listed if entry.get("type") == kind]  # type: ignore[union-attr]


def read_qti_12(file: Path) -> Iterator[Read]:
    """Yield the questions of a package of QTI 1.2: each option with what choosing it scores and shows."""
    with zipfile.ZipFile(file) as archive:
        for name in resources(archive, MANIFEST_12, "imsqti_xmlv1p2"):
            root = ElementTree.fromstring(archive.read(name))
            check_model(root, MODEL_12, QTI_12)
            assessment = the(root, f"{QTI_12}assessment")
            settings = ElementTree.fromstring(archive.read(f"{assessment.get('ident')}/assessment_meta.xml"))
            assert "true" in [part.text for part in settings if part.tag.endswith("shuffle_answers")]
            for item in root.iter(f"{QTI_12}item"):
                assert the(item, f".//{QTI_12}render_choice").get("shuffle") == "Yes"
                labels = item.findall(f".//{QTI_12}response_label")
                options = [(material(label), *choose_12(item, str(label.get("ident")))) for label in labels]
                text = material(the(item, f"{QTI_12}presentation/{QTI_12}material"))
                yield Read(str(assessment.get("title")), str(item.get("ident")), text, options)


def choose_12(item: Element, answer: str) -> tuple[float, str]:
    """Return points and feedback for an answer, by the conditions of an item."""
    fields = [entry.text or "" for entry in item.iter(f"{QTI_12}fieldentry")]
    labels = [entry.text for entry in item.iter(f"{QTI_12}fieldlabel")]
    worth = float(dict(zip(labels, fields, strict=True))["points_possible"])
    percent, shown = 0.0, []
    for condition in item.iter(f"{QTI_12}respcondition"):
        if the(condition, f"{QTI_12}conditionvar/{QTI_12}varequal").text == answer:
            percent = float(condition.findtext(f"{QTI_12}setvar") or percent)
            shown += [str(each.get("linkrefid")) for each in condition.iter(f"{QTI_12}displayfeedback")]
            if condition.get("continue") == "No":
                break
    told = {str(each.get("ident")): material(each) for each in item.iter(f"{QTI_12}itemfeedback")}
    return percent / 100 * worth, " ".join(told[name] for name in shown)


def material(element: Element) -> str:
    """Return what the only material in an element says, as HTML."""
    (text,) = element.iter(f"{QTI_12}mattext")
    assert text.get("texttype") == "text/html"
    return of_html(text.text or "")


def the(element: Element, path: str) -> Element:
    """Return the only element at a path."""
    (found,) = element.findall(path)
    return found


def read_qti_21(file: Path) -> Iterator[Read]:
    """Yield the questions of a package of QTI 2.1: each option with what choosing it scores and shows."""
    with zipfile.ZipFile(file) as archive:
        items = set(resources(archive, MANIFEST_21, "imsqti_item_xmlv2p1"))
        for name in resources(archive, MANIFEST_21, "imsqti_test_xmlv2p1"):
            test = ElementTree.fromstring(archive.read(name))
            check_model(test, MODEL_21, QTI_21)
            for reference in test.iter(f"{QTI_21}assessmentItemRef"):
                place = str(reference.get("href")).removeprefix("../")
                items.remove(place)
                item = ElementTree.fromstring(archive.read(place))
                check_model(item, MODEL_21, QTI_21)
                assert item.get("identifier") == reference.get("identifier")
                choices = item.findall(f".//{QTI_21}simpleChoice")
                options = [(inner(choice), *choose_21(item, str(choice.get("identifier")))) for choice in choices]
                assert the(item, f".//{QTI_21}choiceInteraction").get("shuffle") == "true"
                text = inner(the(item, f".//{QTI_21}prompt"))
                yield Read(str(test.get("title")), str(item.get("identifier")), text, options)
        assert not items


def choose_21(item: Element, answer: str) -> tuple[float, str]:
    """Return points and feedback for a response, by the response processing of an item."""
    condition = the(item, f"{QTI_21}responseProcessing/{QTI_21}responseCondition")
    outcomes: dict[str, list[str]] = {}
    for branch in condition:
        if branch.findtext(f"{QTI_21}match/{QTI_21}baseValue") == answer:
            for outcome in branch.iter(f"{QTI_21}setOutcomeValue"):
                values = [value.text or "" for value in outcome.iter(f"{QTI_21}baseValue")]
                outcomes[str(outcome.get("identifier"))] = values
            break
    (right,) = item.findall(f"{QTI_21}responseDeclaration/{QTI_21}correctResponse/{QTI_21}value")
    (score,) = map(float, outcomes["SCORE"])
    assert (right.text == answer) == (score > 0)
    told = [each for each in item.iter(f"{QTI_21}modalFeedback") if each.get("identifier") in outcomes["FEEDBACK"]]
    return score, " ".join(map(inner, told))


def inner(element: Element) -> str:
    """Return what an element of QTI 2.1 says, with formulas as TeX."""
    if element.tag == f"{MATHML}math":
        (tex,) = element.iter(f"{MATHML}annotation")
        return f"\\({tex.text}\\)"
    return plain(raw(element))


def raw(element: Element) -> str:
    parts = [element.text or ""]
    for child in element:
        parts += [inner(child) if child.tag == f"{MATHML}math" else raw(child), child.tail or ""]
    return "".join(parts)


# Which elements each element may hold, in order, from the specifications: the part of them that single choice needs.
TEXT = "(a|code|em|img|strong|sub|sup|math)*"
MODEL_21 = {
    "assessmentTest": "outcomeDeclaration* timeLimits? testPart+ outcomeProcessing? testFeedback*",
    "testPart": "preCondition* branchRule* itemSessionControl? timeLimits? assessmentSection+ testFeedback*",
    "assessmentSection": "itemSessionControl? selection? ordering? rubricBlock* (assessmentSection|assessmentItemRef)*",
    "outcomeProcessing": "setOutcomeValue*",
    "sum": "testVariables+",
    "assessmentItem": "responseDeclaration* outcomeDeclaration* itemBody? responseProcessing? modalFeedback*",
    "responseDeclaration": "defaultValue? correctResponse? mapping?",
    "outcomeDeclaration": "defaultValue?",
    "correctResponse": "value+",
    "defaultValue": "value+",
    "itemBody": "(p|div|choiceInteraction)*",
    "choiceInteraction": "prompt? simpleChoice+",
    "modalFeedback": "(p|div)*",
    "responseProcessing": "responseCondition*",
    "responseCondition": "responseIf responseElseIf* responseElse?",
    "responseIf": "match setOutcomeValue*",
    "responseElseIf": "match setOutcomeValue*",
    "match": "variable (baseValue|correct)",
    "setOutcomeValue": "(baseValue|multiple|sum)",
    "multiple": "(variable|baseValue)*",
} | dict.fromkeys(["prompt", "simpleChoice", "p", "a", "code", "em", "strong", "sub", "sup"], TEXT)
MODEL_12 = {
    "questestinterop": "assessment",
    "assessment": "section+",
    "section": "item*",
    "item": "itemmetadata? presentation? resprocessing* itemfeedback*",
    "itemmetadata": "qtimetadata*",
    "qtimetadata": "qtimetadatafield+",
    "qtimetadatafield": "fieldlabel fieldentry",
    "presentation": "(material|response_lid)+",
    "response_lid": "material? render_choice material?",
    "render_choice": "(material|response_label)*",
    "response_label": "material*",
    "material": "mattext+",
    "resprocessing": "outcomes respcondition+",
    "outcomes": "decvar+",
    "respcondition": "conditionvar setvar* displayfeedback*",
    "conditionvar": "varequal+",
    "itemfeedback": "flow_mat+",
    "flow_mat": "material+",
}


def check_model(root: Element, model: dict[str, str], namespace: str) -> None:
    """Check that each element holds what the specification lets it hold, in that order, and text only where it may."""
    for element in root.iter():
        name = element.tag.removeprefix(namespace)
        if name.startswith("{"):
            continue
        children = [re.sub("{.*}", "", child.tag) for child in element]
        content = model.get(name, "")
        form = re.sub(r"\w+", r"(?:<\g<0>>)", content).replace(" ", "")
        assert re.fullmatch(form, "".join(f"<{child}>" for child in children)), f"{name} holds {children}"
        if content and content != TEXT:
            assert not "".join([element.text or "", *(child.tail or "" for child in element)]).strip(), name


READERS: dict[str, Callable[[Path], Iterator[Read]]] = {
    bank.MOODLE: lambda file: read_moodle(file.read_text(encoding="utf-8")),
    bank.GIFT: lambda file: read_gift(file.read_text(encoding="utf-8")),
    bank.QTI_21: read_qti_21,
    bank.QTI_12: read_qti_12,
}


# The book's questions -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", READERS)
def test_every_question_comes_back_as_the_book_has_it(name: str) -> None:
    read = list(READERS[name](SITE / name))
    assert [question._replace(chapter="") for question in read] == [
        question._replace(chapter="") for question in in_book()
    ]


def test_categories_name_the_chapters_in_the_order_of_the_book() -> None:
    for name, reader in READERS.items():
        titles = list(dict.fromkeys(question.chapter.rpartition("/")[2] for question in reader(SITE / name)))
        assert titles == sorted(titles)
        assert len(titles) == len(toc.chapters())
    assert titles[4].startswith("05 ")


def test_right_options_have_no_favorite_place() -> None:
    places = [
        [right for _, right, _ in question.options].index(1) for question in in_book() if len(question.options) == 3
    ]
    assert min(places.count(place) for place in range(3)) > len(places) / 4


# One question with all that formats trip over -------------------------------------------------------------------

SAID = r"Is {~a=b} # 5 %: \(\nu \{x\} < 1\) // or `\n` & <b> ::?"
PAGE = r"""<h1><span class="section-number">7 </span>Layers: stack them<a class="headerlink" href="#layers">#</a></h1>
<fieldset class="ml-quiz-question" data-key="layers-0123abcd"><legend>1. Is {~a=b} #
<button>5 %</button>: <math><semantics><mi class="x">ν</mi>
<annotation encoding="application/x-tex">\nu \{x\} &lt; 1</annotation></semantics></math>
// or `\n` &amp; &lt;b&gt; ::?</legend>
<label><input type="radio"><span><b>A</b> =%100% <a class="x" href="model.html#softmax">softmax</a></span></label>
<label><input type="radio"><span><b>B</b> <code><span class="pre">[5,</span> <span>0]</span></code>
<img src="../_images/b.png" alt="a &lt; b" class="photo"></span></label>
<ul><li class="ml-quiz-wrong"><strong>A is wrong.</strong> <strong>No.</strong> ~ 1</li>
<li class="ml-quiz-right"><strong>B is right.</strong> <em>Yes</em> } \</li></ul></fieldset>"""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The four files of one question."""
    folder = tmp_path_factory.mktemp("bank")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(toc, "chapters", lambda: ["layers", "none"])
        (folder / "book").mkdir()
        (folder / "book" / "layers.html").write_text(PAGE, encoding="utf-8")
        (folder / "book" / "none.html").write_text("<h1>No quiz</h1>", encoding="utf-8")
        bank.write(folder)
    return folder


@pytest.mark.parametrize("name", READERS)
def test_signs_of_a_format_are_text_in_a_question(files: Path, name: str) -> None:
    (question,) = READERS[name](files / name)
    assert question.chapter.endswith("07 Layers")
    assert (question.key, question.text) == ("layers-0123abcd", SAID)
    (wrong, no, because), (right, yes, also) = question.options
    assert (wrong, no, because) == ("=%100% softmax", 0, "No. ~ 1")
    assert (plain(re.sub("<img.*?>", "", right)), yes, also) == ("[5, 0]", 1, "Yes } \\")


def test_links_and_pictures_lead_to_the_published_site() -> None:
    chapter = bank.read_page("layers", PAGE, "https://example.org/book/layers.html")
    first, second = chapter.items[0].options
    assert '<a href="https://example.org/book/model.html#softmax">softmax</a>' in first.text
    assert second.text == '<code>[5, 0]</code> <img alt="a &lt; b" src="https://example.org/_images/b.png"/>'


def test_same_questions_give_the_same_bytes(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = [(files / name).read_bytes() for name in bank.FILES]
    monkeypatch.setattr(toc, "chapters", lambda: ["layers"])
    monkeypatch.setattr("time.time", lambda: 2e9)
    bank.write(files)
    assert [(files / name).read_bytes() for name in bank.FILES] == before
