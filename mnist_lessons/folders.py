"""Read a folder of images, or a CSV that names them, and report everything that is odd about it.

Taught in the chapter `your-data`. No file is dropped without a word: each one that is not read, and each one that is
read but may spoil the training, is a `Finding`.
"""

import csv
import os
import re
import unicodedata
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from mnist_lessons.tables import Table
from mnist_lessons.uci import load_uci_digits

SUFFIXES = {".avif", ".bmp", ".gif", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
# Of fewer images, a split into three parts leaves next to nothing to learn from and to test with.
FEW = 10
# What is found, with what became of the file or class.
KINDS = {
    "hidden": "not read: left behind by a system or a camera",
    "unknown suffix": "not read: convert it to PNG or JPEG",
    "link": "not read: links to other folders are not followed",
    "damaged": "not read: no image could be decoded",
    "no class": "not read: in no subfolder, or without a label",
    "missing": "not read: the CSV names it, and it is not there",
    "several frames": "read: the first frame or page only",
    "empty class": "left out: no readable image in it",
    "few images": f"read: fewer than {FEW} images in the class",
    "one name twice": "read as one class: names that look alike",
    "duplicate": "read: same pixels, kept together by a split",
    "two labels": "read: same pixels in another class; one label is wrong",
    "no group": "read: no match of the pattern, so a group of its own",
    "one group": "read: a split cannot test this class",
}


class Finding(NamedTuple):
    """Something odd: one of `KINDS`, the file or class that it is about, and details, which may be empty."""

    kind: str
    name: str
    detail: str = ""


class Findings(list[Finding]):
    """What was found, shown as a table of how often each kind came up; iterate over it for all of them."""

    def table(self) -> Table:
        """Return a row a kind: how many there are, what became of them, and the first of them."""
        counts = Counter(finding.kind for finding in self)
        rows = []
        for kind in (kind for kind in KINDS if counts[kind]):
            first = next(finding for finding in self if finding.kind == kind)
            detail = f" ({first.detail})" if first.detail else ""
            rows.append([kind, counts[kind], KINDS[kind], f"{first.name}{detail}"])
        columns = ["found", "how many", "what became of it", "the first"]
        return Table(rows, columns=columns, caption=f"{len(self)} findings." if rows else "Nothing odd was found.")

    def __repr__(self) -> str:
        return repr(self.table())

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


class Collection(NamedTuple):
    """Images with their labels and where they are from, in the order of their names.

    images (n, size, size) uint8 in gray, or (n, size, size, 3) in color, 0 black to 255 white; labels (n,) int64, the
    index of each image's class; groups (n,) int64, one number for all images that a split has to keep together;
    classes, the names; files, relative to the folder; findings, what was odd.
    """

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    groups: npt.NDArray[np.int64]
    classes: list[str]
    files: list[str]
    findings: Findings

    def table(self) -> Table:
        """Return a row a class: its number, name, images, groups, and mean gray level, 0 to 255."""
        rows = []
        for number, name in enumerate(self.classes):
            chosen = self.labels == number
            level = self.images[chosen].mean()
            rows.append([number, name, chosen.sum(), len(np.unique(self.groups[chosen])), f"{level:.0f}"])
        columns = ["number", "class", "images", "groups", "mean gray level"]
        return Table(rows, columns=columns, caption="The classes, with 0 for black and 255 for white.")


# Reading --------------------------------------------------------------------------------------------------------------


def read_folder(folder: str | Path, *, size: int = 28, color: bool = False, group: str | None = None) -> Collection:
    r"""Read a folder with one subfolder a class; images may lie deeper in it.

    Parameters
    ----------
    folder
        Where the subfolders are. Links to other folders are not followed.
    size
        Height and width that all images get, in pixels.
    color
        Whether to keep color; by default, images become gray.
    group
        A regular expression for the part of a file's path below `folder`, with ``/`` between folders, that says which
        images belong together, such as ``r"writer\d+"``. Files with the same match are a group. By default, each
        image is one.

    Raises
    ------
    FileNotFoundError, NotADirectoryError
        The folder is not there, or is a file.
    ValueError
        `size` is below 1, `group` is not a regular expression, or fewer than two classes have a readable image.
    """
    folder = Path(folder)
    if not folder.exists():
        raise FileNotFoundError(f"{folder}: no such folder; expected one with a subfolder for each class")
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder}: expected a folder with a subfolder for each class, got a file")
    findings, named = Findings(), []
    for entry in sorted(folder.iterdir()):
        if _is_hidden(entry.name) or not entry.is_dir():
            findings.append(Finding("hidden" if _is_hidden(entry.name) else "no class", _shown(entry.name)))
            continue
        files = []
        for place, inner, names in os.walk(entry, onerror=_raise):
            links = [Path(place, name) for name in inner if Path(place, name).is_symlink()]
            findings += [Finding("link", _shown(link.relative_to(folder).as_posix())) for link in links]
            files += [Path(place, name) for name in names]
        named += [(file, entry.name) for file in sorted(files)] or [(entry, entry.name)]
    return _collect(folder, named, findings, size=size, color=color, group=group)


def read_csv(file: str | Path, *, size: int = 28, color: bool = False, group: str | None = None) -> Collection:
    """Read the images that a CSV lists, with columns ``file`` and ``label`` and, if there are groups, ``group``.

    Parameters
    ----------
    file
        The CSV, in UTF-8. Its paths start from the folder that it lies in.
    size, color, group
        As for `read_folder`. A column ``group`` has precedence over the pattern.

    Raises
    ------
    FileNotFoundError
        The CSV is not there.
    ValueError
        It is not UTF-8 or has no such columns, and as `read_folder` does.
    """
    file = Path(file)
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            lines = list(reader)
    except UnicodeDecodeError as error:
        raise ValueError(f"{file}: expected a CSV in UTF-8, got other bytes; save it as UTF-8 ({error})") from error
    columns = reader.fieldnames or []
    if not {"file", "label"} <= set(columns):
        raise ValueError(f"{file}: expected the columns file and label in the first line, got {', '.join(columns)}")
    named, findings, given = [], Findings(), {}
    for number, line in enumerate(lines, 2):
        path, label = line["file"] or "", (line["label"] or "").strip()
        if not path or not label:
            findings.append(Finding("no class", path or f"row {number}", f"row {number} of the CSV"))
        elif not (file.parent / path).is_file():
            findings.append(Finding("missing", path, f"row {number} of the CSV"))
        else:
            named.append((file.parent / path, label))
            given[file.parent / path] = line.get("group")
    return _collect(
        file.parent, named, findings, size=size, color=color, group=group, given=given if "group" in columns else None
    )


def read_image(file: str | Path, *, size: int = 28, color: bool = False) -> npt.NDArray[np.uint8]:
    """Return the first frame of an image file, upright, padded to a square and scaled.

    What is transparent becomes white. Sixteen bits a pixel become eight. The padding has the border's median color, so
    that a photo on gray paper gets no white bars.

    Returns
    -------
    array of shape (size, size), or (size, size, 3) in color, uint8
        0 is black, 255 white.

    Raises
    ------
    OSError, ValueError
        The file holds no image that Pillow can decode, or one with an unknown range of values.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of oddities that do not keep Pillow from decoding
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with Image.open(file) as opened:
                image = _without_alpha(_eight_bits(ImageOps.exif_transpose(opened)))
                image = image.convert("RGB" if color else "L")
        except OSError:
            raise
        except Exception as error:  # a decoder raises anything on a damaged file
            raise ValueError(f"{type(error).__name__}: {error}") from error
    pixels = np.asarray(image)
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    median = np.median(border, axis=0).astype(int)
    fill = tuple(median.tolist()) if color else int(median)
    square: npt.NDArray[np.uint8] = np.array(
        ImageOps.pad(image, (size, size), Image.Resampling.BICUBIC, color=fill), dtype=np.uint8
    )
    return square


def _eight_bits(image: Image.Image) -> Image.Image:
    """Return gray levels of 16 bits, or floating-point ones, as 8 bits; other images as they are."""
    if not image.mode.startswith(("I", "F")):
        return image
    values = np.asarray(image).astype("float64")
    if image.mode == "F" and values.max() <= 1:
        values = values * 255
    elif image.mode != "F" and values.max() > 255:
        values = values / 257
    if not (np.isfinite(values).all() and values.min() >= 0 and values.max() <= 255.5):
        raise ValueError(f"expected gray levels of 8 or 16 bits, got {values.min():g} to {values.max():g}")
    return Image.fromarray(np.rint(values).clip(0, 255).astype(np.uint8))


def _without_alpha(image: Image.Image) -> Image.Image:
    """Return an image with white where it was transparent."""
    if not image.has_transparency_data:
        return image
    layer = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)


# From files to a collection -------------------------------------------------------------------------------------------


def _collect(
    folder: Path,
    named: Sequence[tuple[Path, str]],
    findings: Findings,
    *,
    size: int,
    color: bool,
    group: str | None,
    given: dict[Path, str | None] | None = None,
) -> Collection:
    """Read files with the names of their classes, and look for what is odd about them."""
    if size < 1:
        raise ValueError(f"size: expected at least 1 pixel, got {size}")
    try:
        pattern = re.compile(group or "")
    except re.error as error:
        raise ValueError(f"group: expected a regular expression, got {group!r} ({error})") from error
    images, names, files, matches = [], [], [], []
    for file, name in named:
        path = Path(os.path.relpath(file, folder)).as_posix()
        image = None if file.is_dir() else _try(file, path, findings, size=size, color=color)
        if image is None:
            continue
        found = pattern.search(path)
        match = found[0] if given is None and found else given[file] if given else None
        if not match and (group or given):
            findings.append(Finding("no group", _shown(path)))
        images.append(image)
        names.append(unicodedata.normalize("NFC", name))
        files.append(_shown(path))
        matches.append(f"group {match}" if match else f"file {len(files)}")
    classes = _class_names({name for _, name in named}, set(names), findings)
    if len(classes) < 2:
        raise ValueError(f"{folder}: expected two classes or more, got {len(classes)} with images.\n{findings!r}")
    labels = np.array([classes.index(name) for name in names])
    groups = np.unique(matches, return_inverse=True)[1].astype("int64")
    groups = _join_duplicates(images, labels, groups, files, findings)
    _check_classes(labels, groups, classes, findings, grouped=len(set(matches)) < len(matches))
    return Collection(np.stack(images), labels, groups, [_shown(name) for name in classes], files, findings)


def _class_names(named: Iterable[str], present: set[str], findings: Findings) -> list[str]:
    """Return the names of classes with images, numbers in their order; report the others, and those that look alike."""
    spellings = Counter(unicodedata.normalize("NFC", name) for name in named)
    for name, count in sorted(spellings.items()):
        if count > 1:
            findings.append(Finding("one name twice", _shown(name), f"{count} spellings"))
        if name not in present:
            findings.append(Finding("empty class", _shown(name)))
    return sorted(present, key=lambda name: (int(name), name) if name.isdecimal() else (float("inf"), name))


def _try(file: Path, path: str, findings: Findings, *, size: int, color: bool) -> npt.NDArray[np.uint8] | None:
    """Return an image, or nothing and say why, by its path below the folder."""
    shown = _shown(path)
    if any(map(_is_hidden, path.split("/"))):
        findings.append(Finding("hidden", shown))
    elif file.suffix.lower() not in SUFFIXES:
        findings.append(Finding("unknown suffix", shown))
    elif not file.is_file() or not file.stat().st_size:
        findings.append(Finding("damaged", shown, "0 bytes" if file.is_file() else "not a file"))
    else:
        try:
            image = read_image(file, size=size, color=color)
        except (OSError, ValueError) as error:
            findings.append(Finding("damaged", shown, str(error)))
            return None
        if (frames := _count_frames(file)) > 1:
            findings.append(Finding("several frames", shown, f"{frames} frames"))
        return image
    return None


def _count_frames(file: Path) -> int:
    """Return how many frames or pages a file has, or 2 where a later one is damaged."""
    with warnings.catch_warnings(action="ignore"), Image.open(file) as image:
        try:
            return int(getattr(image, "n_frames", 1))
        except Exception:  # as in `read_image`
            return 2


def _join_duplicates(
    images: Sequence[npt.NDArray[np.uint8]],
    labels: npt.NDArray[np.int64],
    groups: npt.NDArray[np.int64],
    files: Sequence[str],
    findings: Findings,
) -> npt.NDArray[np.int64]:
    """Return groups in which images with the same pixels are in one."""
    seen: dict[bytes, int] = {}
    groups = groups.copy()
    for index, image in enumerate(images):
        first = seen.setdefault(image.tobytes(), index)
        if first != index:
            kind = "duplicate" if labels[first] == labels[index] else "two labels"
            findings.append(Finding(kind, files[index], f"same as {files[first]}"))
            groups[groups == groups[index]] = groups[first]
    return groups


def _check_classes(
    labels: npt.NDArray[np.int64],
    groups: npt.NDArray[np.int64],
    classes: Sequence[str],
    findings: Findings,
    *,
    grouped: bool,
) -> None:
    """Report classes that are too small to be learned, or of one group alone."""
    for number, name in enumerate(classes):
        count = int((labels == number).sum())
        if count < FEW:
            findings.append(Finding("few images", _shown(name), f"{count} images"))
        if grouped and len(np.unique(groups[labels == number])) == 1:
            findings.append(Finding("one group", _shown(name)))


def _is_hidden(name: str) -> bool:
    return name != ".." and (name.startswith((".", "__MACOSX")) or name.lower() in {"thumbs.db", "desktop.ini"})


def _raise(error: OSError) -> None:
    raise error


def _shown(name: str) -> str:
    """Return a name that can be printed, whatever bytes it has on disk."""
    return os.fsencode(name).decode("utf-8", "replace")


# Splitting ------------------------------------------------------------------------------------------------------------


def split_groups(
    labels: npt.ArrayLike, groups: npt.ArrayLike, *, share: float = 0.2, seed: int = 0
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Set whole groups apart until they hold about a share of each class, and leave each class in the rest, too.

    Parameters
    ----------
    labels, groups
        (n,) integers: the class and the group of each image.
    share
        Of the images of each class, what the second part gets at least, rounded; between 0 and 1. It gets more where
        groups are large.
    seed
        Decides which groups.

    Returns
    -------
    rest, chosen
        Indices (m,) and (n - m,), ascending. Together they are 0 to n - 1, and no group is in both. A class whose
        images are all of one group stays in the rest.

    Raises
    ------
    ValueError
        Lengths differ, `share` is out of range, or nothing can be set apart.
    """
    labels, groups = np.asarray(labels), np.asarray(groups)
    if labels.shape != groups.shape or labels.ndim != 1:
        raise ValueError(f"labels and groups: expected one length, got shapes {labels.shape} and {groups.shape}")
    if not 0 < share < 1:
        raise ValueError(f"share: expected a number between 0 and 1, got {share}")
    generator = np.random.default_rng(seed)
    kinds, labels = np.unique(labels, return_inverse=True)
    order, groups = np.unique(groups, return_inverse=True)
    counts = np.zeros((len(order), len(kinds)), dtype=int)  # images of each group and class
    np.add.at(counts, (groups, labels), 1)
    total, apart = counts.sum(axis=0), np.zeros(len(kinds), dtype=int)
    taken = np.zeros(len(order), dtype=bool)
    for kind in np.argsort(total, kind="stable"):  # the rarest class has the least choice
        for number in generator.permutation(np.flatnonzero(counts[:, kind])):
            if apart[kind] >= round(share * total[kind]):
                break
            more = apart + counts[number]
            if not taken[number] and (more < total)[counts[number] > 0].all():
                taken[number], apart = True, more
    chosen = taken[groups]
    if not chosen.any():
        raise ValueError(
            f"groups: expected enough images and groups to set {share:.0%} apart, got {len(labels)} images "
            f"in {len(order)} groups; collect more, or choose a larger share"
        )
    return np.flatnonzero(~chosen), np.flatnonzero(chosen)


# An example -----------------------------------------------------------------------------------------------------------


def write_example(folder: str | Path) -> Path:
    """Write the UCI digits as a folder of PNG files, ``DIGIT/formFORM-NUMBER.png``, dark ink on white, and return it.

    Read again with ``size=8``, ``255 - images`` is the ink of `load_uci_digits`, times 255 / 16 and rounded.
    """
    folder = Path(folder)
    images, labels, forms = load_uci_digits()
    pixels = 255 - np.rint(images * (255 / 16)).astype(np.uint8)
    for number, (image, label, form) in enumerate(zip(pixels, labels, forms, strict=True)):
        file = folder / str(label) / f"form{form:02}-{number:04}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(file)
    return folder
