"""The form of the chapters: what every one has, and what none has."""

import re
from pathlib import Path

import pytest
import yaml

import toc

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(toc.pages())
TEACHING = [f"book/{name}" for name in toc.chapters()]
CELL = re.compile(
    r"^```\{code-cell\}[^\n]*\n(?:---\n(?P<yaml>.*?)\n---\n|(?P<options>(?::[^\n]*\n)*))(?P<code>.*?)^```$", re.M | re.S
)


def source(name):
    return (ROOT / f"{name}.md").read_text()


def front_matter(name):
    return yaml.safe_load(source(name).split("---\n")[1])


def cells(name):
    """Yield the metadata and the code of each cell."""
    for match in CELL.finditer(source(name)):
        if match["yaml"]:
            yield yaml.safe_load(match["yaml"]), match["code"]
        else:
            lines = [line[1:] for line in (match["options"] or "").splitlines()]
            yield yaml.safe_load("\n".join(lines)) or {}, match["code"]


def test_the_table_of_contents_names_every_page_once():
    there = {str(file.relative_to(ROOT)).removesuffix(".md") for file in (ROOT / "book").rglob("*.md")}
    assert {page for page in there if not page.startswith("book/exercises/")} <= set(PAGES)
    assert set(PAGES) <= there


@pytest.mark.parametrize("name", TEACHING)
def test_chapters_say_what_they_are(name):
    matter = front_matter(name)
    assert 5 <= matter["minutes"] <= 60
    assert matter["summary"].endswith(".")
    assert 100 <= len(matter["myst"]["html_meta"]["description lang=en"]) <= 160


@pytest.mark.parametrize("name", TEACHING)
def test_chapters_open_with_objectives_and_end_with_a_check_and_a_recap(name):
    headings = re.findall(r"^## (.*)$", source(name), re.M)
    assert ":::{admonition} In this chapter\n:class: ml-objectives" in source(name)
    assert headings[-1] == "What to remember"
    assert "Check yourself" in headings
    assert len(re.findall(r"^# ", re.sub(CELL, "", source(name)), re.M)) == 1


@pytest.mark.parametrize("name", PAGES)
def test_figures_have_a_name_a_caption_and_a_text_for_those_who_do_not_see_them(name):
    for metadata, code in cells(name):
        draws = re.search(r"plt\.|plot_|show_digit|\bfig(ure)?\b", code) and "remove-cell" not in metadata.get(
            "tags", []
        )
        figure = metadata.get("mystnb", {}).get("figure")
        if draws and re.search(r";\s*\Z", code):
            assert figure, f"a figure without a caption:\n{code}"
        if figure:
            alt = metadata["mystnb"]["image"]["alt"]
            assert figure["name"].startswith("fig-")
            assert figure["caption"].strip()
            assert len(alt) > 40
            assert alt.rstrip().endswith(".")


DRAWS_DATA = re.compile(r"plot_\w+\(|\.(plot|semilog[xy]|loglog|barh?|hist|errorbar|step|scatter|boxplot|violinplot)\(")
# Drawings that show no measurement.
NO_TABLE = {"fig-box-and-center", "fig-relu-tent", "fig-architecture"}


@pytest.mark.parametrize("name", TEACHING)
def test_what_a_figure_measures_stands_beside_it_in_numbers(name):
    for section in re.split(r"^## ", source(name), flags=re.M):
        codes = [found["code"] for found in CELL.finditer(section)]
        has_table = any("Table(" in code for code in codes) or re.search(r"^\|[ -]*-{3}|\{list-table\}", section, re.M)
        for found in CELL.finditer(section):
            figure = re.search(r"name: (fig-[\w-]+)", found["yaml"] or "")
            if figure and figure[1] not in NO_TABLE and DRAWS_DATA.search(found["code"]):
                assert has_table, f"{figure[1]}: a figure of data in a section without a table"


@pytest.mark.parametrize("name", PAGES)
def test_code_is_short(name):
    shown = [code for metadata, code in cells(name) if "remove-cell" not in metadata.get("tags", [])]
    taught = [
        code
        for metadata, code in cells(name)
        if not {"remove-cell", "remove-input", "hide-input"} & set(metadata.get("tags", []))
    ]
    for code in shown:
        assert max(map(len, code.splitlines()), default=0) <= 100, code
    for code in taught:
        assert len([line for line in code.splitlines() if line.strip()]) <= 20, code
    assert sum(len(code.splitlines()) for code in taught) <= 200


@pytest.mark.parametrize("name", [name for name in TEACHING if name != "book/why-mnist"])
def test_numbers_of_a_run_are_recorded_and_claims_asserted(name):
    code = "\n".join(code for _, code in cells(name))
    recorded = set(re.findall(r"\brecord\(\s*f?[\"']([^\"']+)[\"']", code))
    used = set(re.findall(r"\{glue:text\}`([a-z0-9_]+)", source(name)))
    assert used
    assert any("remove-cell" in metadata.get("tags", []) and "assert" in code for metadata, code in cells(name))
    if not any("{" in key for key in recorded):
        assert used <= recorded


@pytest.mark.parametrize("name", PAGES)
def test_chapters_rest_on_the_package_alone(name):
    code = "\n".join(code for _, code in cells(name))
    assert not re.search(r"load_data\(|urlopen|requests\.|open\(\s*[\"']\.{0,2}/", code)
    assert "verbose=1" not in code
