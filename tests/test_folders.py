import re
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import execute
from mnist_lessons import folders
from mnist_lessons.uci import load_uci_digits

GENERATOR = np.random.default_rng(0)


def noise(height: int = 12, width: int = 12) -> Image.Image:
    """Return gray noise, which no other image has."""
    return Image.fromarray(GENERATOR.integers(0, 256, (height, width), dtype=np.uint8))


def fill(folder: Path, count: int, *, kind: str = "png") -> Path:
    folder.mkdir(parents=True)
    for number in range(count):
        noise().save(folder / f"w{number % 4}-{number}.{kind}")
    return folder


def found(collection: folders.Collection) -> dict[str, list[str]]:
    names: dict[str, list[str]] = {}
    for finding in collection.findings:
        names.setdefault(finding.kind, []).append(finding.name)
    return names


@pytest.fixture
def messy(tmp_path: Path) -> Path:
    """A folder with a bit of everything, and two classes in order."""
    folder = tmp_path / "photos"
    for name in ("١", "数字", unicodedata.normalize("NFD", "é")):
        fill(folder / name, 12)
    fill(folder / unicodedata.normalize("NFC", "é"), 2, kind="bmp")
    fill(folder / "three", 3)
    (folder / "empty").mkdir()
    (folder / ".git").mkdir()
    (folder / "notes.txt").write_text("x", encoding="utf-8")
    noise().save(folder / "stray.png")
    numbers = folder / "数字"
    (numbers / "Thumbs.db").write_bytes(b"x")
    (numbers / "._w1-1.png").write_bytes(b"x")
    (numbers / "a.heic").write_bytes(b"x")
    (numbers / "nothing.png").write_bytes(b"")
    noise().save(numbers / "whole.jpg")
    (numbers / "cut.jpg").write_bytes((numbers / "whole.jpg").read_bytes()[:-80])
    (folder / "١" / "copy.png").write_bytes((numbers / "w1-1.png").read_bytes())
    (numbers / "copy.png").write_bytes((numbers / "w0-0.png").read_bytes())
    (numbers / "lost.png").symlink_to("nowhere.png")
    (numbers / "more").symlink_to(folder / "three")
    frames = [noise(), noise()]
    frames[0].save(numbers / "two.gif", save_all=True, append_images=frames[1:])
    return folder


def test_each_oddity_of_a_folder_is_found_and_nothing_is_dropped_silently(messy: Path) -> None:
    data = folders.read_folder(messy, size=8)
    names = found(data)
    assert names["no class"] == ["notes.txt", "stray.png"]
    assert sorted(names["hidden"]) == [".git", "数字/._w1-1.png", "数字/Thumbs.db"]
    assert names["unknown suffix"] == ["数字/a.heic"]
    assert sorted(names["damaged"]) == ["数字/cut.jpg", "数字/lost.png", "数字/nothing.png"]
    assert names["link"] == ["数字/more"]
    assert names["empty class"] == ["empty"]
    assert names["few images"] == ["three"]
    assert names["one name twice"] == ["é"]
    assert names["duplicate"] == ["数字/w0-0.png"]
    assert len(names["two labels"]) == 1
    assert names["several frames"] == ["数字/two.gif"]
    assert data.classes == ["١", "three", "é", "数字"]
    files = sum(1 for path in messy.rglob("*") if not path.is_dir())
    dropped = sum(map(len, (names[kind] for kind in ("no class", "hidden", "unknown suffix", "damaged"))))
    assert files == len(data.images) + dropped - 1  # .git is a folder
    assert {finding.name: finding.detail for finding in data.findings}["数字/nothing.png"] == "0 bytes"
    assert "数字/a.heic" in repr(data.findings)
    assert "数字" in data.table()._repr_html_()


def test_identical_images_are_one_group(messy: Path) -> None:
    data = folders.read_folder(messy, size=8)
    group = dict(zip(data.files, data.groups, strict=True))
    assert group["数字/copy.png"] == group["数字/w0-0.png"] != group["数字/w2-2.png"]
    assert group["١/copy.png"] == group["数字/w1-1.png"]


def test_pattern_groups_files_and_says_which_it_does_not_match(messy: Path) -> None:
    data = folders.read_folder(messy, size=8, group=r"w\d")
    group = dict(zip(data.files, data.groups, strict=True))
    assert group["three/w1-1.png"] == group["数字/w1-5.png"] != group["数字/w2-2.png"]
    assert {"数字/two.gif", "数字/whole.jpg"} <= set(found(data)["no group"])


def test_class_of_one_group_is_found(tmp_path: Path) -> None:
    fill(tmp_path / "a", 8)
    (tmp_path / "b").mkdir()
    for number in range(3):
        noise().save(tmp_path / "b" / f"w0-{number}.png")
    assert found(folders.read_folder(tmp_path, size=8, group=r"w\d"))["one group"] == ["b"]


@pytest.mark.parametrize(
    ("image", "suffix", "expected"),
    [
        (Image.new("L", (9, 4), 40), "png", 40),
        (Image.new("1", (4, 9), 1), "tif", 255),
        (Image.fromarray(np.full((5, 5), 257 * 70, np.uint16)), "png", 70),
        (Image.fromarray(np.full((5, 5), 0.5, np.float32)), "tiff", 128),
        (Image.new("RGB", (5, 5), (51, 51, 51)).convert("P"), "gif", 51),
        (Image.new("RGBA", (5, 5), (0, 0, 0, 0)), "webp", 255),
        (Image.new("LA", (5, 5), (90, 255)), "png", 90),
        (Image.new("CMYK", (8, 8), (0, 0, 0, 255)), "jpg", 0),
    ],
    ids=lambda value: value.mode if isinstance(value, Image.Image) else None,
)
def test_every_mode_becomes_eight_bits_of_gray_on_white(
    image: Image.Image, suffix: str, expected: int, tmp_path: Path
) -> None:
    image.save(file := tmp_path / f"image.{suffix}")
    gray = folders.read_image(file, size=6)
    assert gray.shape == (6, 6)
    assert gray.dtype == np.uint8
    assert np.abs(gray.astype(int) - expected).max() <= 1
    color = folders.read_image(file, size=6, color=True)
    assert color.shape == (6, 6, 3)
    assert np.abs(color.astype(int) - expected).max() <= 1


def test_photo_is_turned_as_its_exif_says_and_padded_with_its_border(tmp_path: Path) -> None:
    pixels = np.full((20, 40), 200, np.uint8)
    pixels[5:15, 2:12] = 0  # ink at the left, which is on top after a turn to the right
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pixels).save(tmp_path / "photo.png", exif=exif)
    image = folders.read_image(tmp_path / "photo.png", size=40)
    assert image[:12, 15:25].min() == 0
    assert image[20:, :].min() > 190
    assert abs(int(image[0, 0]) - 200) <= 1


def test_image_that_claims_too_many_pixels_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    noise().save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(ValueError, match="144 pixels"):
        folders.read_image(tmp_path / "a.png")


def test_csv_gives_what_its_folder_gives_and_reports_its_rows(messy: Path) -> None:
    data = folders.read_folder(messy, size=8, group=r"w\d")
    rows = [f"{file},{data.classes[label]}" for file, label in zip(data.files, data.labels, strict=True)]
    rows = [row for row in rows if "é" not in row]  # on disk, these have two spellings
    table = messy / "labels.csv"
    table.write_text("\ufefffile,label\n" + "\n".join([*rows, "gone.png,x", "stray.png,"]), encoding="utf-8")
    listed = folders.read_csv(table, size=8, group=r"w\d")
    assert np.array_equal(listed.images, data.images[[label != 2 for label in data.labels]])
    assert found(listed)["missing"] == ["gone.png"]
    assert found(listed)["no class"] == ["stray.png"]


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"name,label\n", "expected the columns file and label"), ("file,label\né".encode("latin-1"), "UTF-8")],
)
def test_csv_that_cannot_be_read_says_why(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        folders.read_csv(tmp_path / "labels.csv")


def test_folder_without_two_classes_says_what_was_found(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such folder"):
        folders.read_folder(tmp_path / "none")
    fill(tmp_path / "a", 2)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "x.heic").write_bytes(b"x")
    with pytest.raises(ValueError, match=r"(?s)got 1 with images.*b/x\.heic"):
        folders.read_folder(tmp_path)
    with pytest.raises(NotADirectoryError):
        folders.read_folder(tmp_path / "b" / "x.heic")
    with pytest.raises(ValueError, match="regular expression"):
        folders.read_folder(tmp_path, group="(")


@pytest.mark.parametrize("grouped", [False, True])
def test_split_keeps_groups_whole_and_every_class_in_the_rest(grouped: bool) -> None:
    _, labels, forms = load_uci_digits()
    few = np.array([10, 10, 10, 11, 12, 12, 12, 12])  # classes of three images, of one, and of four in one group
    labels, groups = np.append(labels, few), np.append(forms, [20, 21, 22, 23, 24, 24, 24, 24])
    groups = groups if grouped else np.arange(len(labels))
    for seed in range(5):
        rest, chosen = folders.split_groups(labels, groups, share=0.2, seed=seed)
        assert np.array_equal(np.sort(np.append(rest, chosen)), np.arange(len(labels)))
        assert not set(groups[rest]) & set(groups[chosen])
        assert set(labels[rest]) == set(range(13))
        counts = np.bincount(labels[chosen], minlength=13)
        assert counts[10] == 1
        assert counts[11] == 0
        assert counts[12] == (0 if grouped else 1)
        assert (counts[:10] >= 35).all()
        assert (counts[:10] <= (60 if grouped else 37)).all()


def test_split_of_what_cannot_be_split_is_refused() -> None:
    with pytest.raises(ValueError, match="set 20% apart"):
        folders.split_groups([0, 0, 1, 1], [0, 0, 0, 0])
    with pytest.raises(ValueError, match="share"):
        folders.split_groups([0, 1], [0, 1], share=1)


def test_example_is_the_collection(tmp_path: Path) -> None:
    data = folders.read_folder(folders.write_example(tmp_path), size=8, group=r"form\d+")
    images, labels, forms = load_uci_digits()
    order = [int(re.findall(r"\d+", file)[-1]) for file in data.files]
    assert np.array_equal(255 - data.images, np.rint(images[order] * (255 / 16)))
    assert np.array_equal(data.labels, labels[order])
    assert np.array_equal(data.groups, forms[order])
    assert not data.findings


def test_notebook_for_own_images_runs_to_its_report_on_a_messy_folder(
    messy: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import matplotlib as mpl
    from matplotlib import pyplot as plt

    plt.switch_backend("agg")
    monkeypatch.chdir(messy)
    code = [cell.source for cell in execute.read_notebook("book/own-images.md")[0].cells if cell.cell_type == "code"]
    names: dict[str, Any] = {}
    with mpl.rc_context():
        for cell in code:
            exec(cell, names)
            if cell.startswith("folder ="):
                names |= {"folder": messy, "epochs": 1}
        plt.close("all")
    assert re.search(r"accuracy .*95 % interval", capsys.readouterr().out)
    assert names["matrix"].sum() == len(names["test"])
