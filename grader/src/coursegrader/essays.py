"""Find what a student handed in for the questions that a person marks: texts, and the figures that code has put out.

A figure is taken from the notebook as it is stored there: nobody runs the code again.
"""

import base64
import binascii
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from coursegrader.answers import read_cells, read_grade_id, read_source
from coursegrader.exercises import Exercise

MAX_TEXT = 20_000  # characters of an answer
MAX_SOURCE = 10_000_000  # characters of a cell, with the pictures in it; a longer one counts as empty
MAX_FIGURES = 4  # of an answer, the last ones
MAX_FIGURE = 2_000_000  # bytes of a figure
MAX_SIDE, MAX_PIXELS = 8_000, 8_000_000  # of a figure
_PICTURE = re.compile(r"data:image/[\w.+-]+;base64,[\w+/=]+")  # Colab writes pictures into the text
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHUNKS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")  # what an image needs; the rest can be compressed without limit


@dataclass(frozen=True)
class Essay:
    """An answer that a person marks.

    Attributes
    ----------
    text : str
        The text, or the code that made the figures.
    figures : tuple of str
        PNG images, in Base64.
    remark : str
        What was left out, for student and marker; or empty.
    """

    text: str
    figures: tuple[str, ...] = ()
    remark: str = ""


def read_essays(notebook: bytes, exercises: list[Exercise]) -> dict[str, Essay]:
    """Return the answer to each exercise with a rubric, by its id; exercises without an answer are left out.

    The cells that students added below the cell for the answer belong to it, up to the next cell that was given out.

    Raises
    ------
    UnreadableError
        The file is not a notebook of any version.
    """
    marked = {exercise.id: exercise for exercise in exercises if exercise.rubric}
    cells: dict[str, list[dict[str, Any]]] = {}
    current = None
    for cell in read_cells(notebook) if marked else []:
        current = read_grade_id(cell) or current
        if current in marked:
            cells.setdefault(current, []).append(cell)
    found = {name: _read(marked[name], cells[name]) for name in marked if name in cells}
    return {name: essay for name, essay in found.items() if essay.text or essay.figures}


def _read(exercise: Exercise, cells: list[dict[str, Any]]) -> Essay:
    """Return what the cells of an answer hold; what was given out is no part of it."""
    sources = [_PICTURE.sub("[picture]", read_source(cell, limit=MAX_SOURCE)).strip() for cell in cells]
    text = "\n\n".join(source for source in sources if source not in ("", exercise.stub.strip()))
    figures, remarks = [], []
    if exercise.rubric and exercise.rubric.answer == "figure":
        images = [image for cell in cells if cell.get("cell_type") == "code" for image in _images(cell)]
        for image in images[-MAX_FIGURES:]:
            try:
                figures.append(base64.b64encode(clean_png(image)).decode("ascii"))
            except ValueError as error:
                remarks.append(f"A figure was left out: {error}.")
        if len(images) > MAX_FIGURES:
            remarks.append(f"Of {len(images)} figures, the last {MAX_FIGURES} are marked.")
    if len(text) > MAX_TEXT:
        text = text[:MAX_TEXT]
        remarks.append(f"The answer was cut after {MAX_TEXT} characters.")
    return Essay(text, tuple(figures), " ".join(remarks))


def _images(cell: dict[str, Any]) -> Iterator[str]:
    """Yield the PNG images that a cell has put out, in Base64."""
    outputs = cell.get("outputs")
    for output in outputs if isinstance(outputs, list) else []:
        data = output.get("data", output) if isinstance(output, dict) else None
        image = data.get("image/png", data.get("png")) if isinstance(data, dict) else None
        if isinstance(image, list):
            image = "".join(map(str, image))
        if isinstance(image, str):
            yield image


def clean_png(image: str) -> bytes:
    """Return a PNG image with nothing in it but the image.

    Raises
    ------
    ValueError
        It is no PNG image, or too large; the text is for the student.
    """
    if len(image) > MAX_FIGURE * 4 // 3:
        raise ValueError(f"expected at most {MAX_FIGURE // 1_000_000} MB")
    try:
        content = base64.b64decode("".join(image.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("it is no PNG image") from error
    if content[:8] != _SIGNATURE:
        raise ValueError("it is no PNG image")
    place, kept = 8, [_SIGNATURE]
    kinds: list[bytes] = []
    while place + 12 <= len(content) and kinds[-1:] != [b"IEND"]:
        length, kind = struct.unpack_from(">I4s", content, place)
        chunk = content[place : place + 12 + length]
        if len(chunk) < 12 + length or binascii.crc32(chunk[4:-4]) != int.from_bytes(chunk[-4:]):
            raise ValueError("the image is damaged")
        if kind in _CHUNKS:
            kinds.append(kind)
            kept.append(chunk)
        place += 12 + length
    cleaned = b"".join(kept)
    if kinds[:1] != [b"IHDR"] or kinds[-1:] != [b"IEND"] or kinds.count(b"IHDR") > 1 or cleaned[8:12] != b"\0\0\0\r":
        raise ValueError("the image is damaged")
    width, height = struct.unpack_from(">II", cleaned, 16)
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE and width * height <= MAX_PIXELS):
        raise ValueError(f"expected at most {MAX_PIXELS // 1_000_000} million pixels, got {width} times {height}")
    return cleaned
