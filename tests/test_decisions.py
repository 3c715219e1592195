import re

import numpy as np
import pytest

import toc
from folders import ROOT
from mnist_lessons import decisions
from mnist_lessons.evaluation import seed_interval
from mnist_lessons.tables import load_table


def test_log_shows_means_over_seeds_and_gains_over_what_was_kept() -> None:
    of = {
        name: [100 * row["accuracy"] for row in load_table("decisions") if row["decision"] == name]
        for name in ("means", "linear", "dense", "sigmoid", "cnn")
    }
    rows = decisions.decision_log("cnn").rows
    shown = dict(zip((decision.name for decision in decisions.LOG), rows, strict=False))
    half = np.mean(of["cnn"]) - seed_interval(of["cnn"]).low
    assert shown["cnn"][1] == f"{np.mean(of['cnn']):.2f} ± {half:.2f}"
    assert shown["cnn"][2] == f"{np.mean(of['cnn']) - np.mean(of['dense']):+.2f}"
    assert shown["linear"][2] == f"{np.mean(of['linear']) - np.mean(of['means']):+.2f}"
    assert (shown["majority"][2], shown["means"][1]) == ("", f"{of['means'][0]:.1f}")


def test_log_ends_with_the_chapter_that_asks_and_every_chapter_with_a_row_shows_it() -> None:
    lengths = []
    for chapter in dict.fromkeys(decision.chapter for decision in decisions.LOG):
        lengths.append(len(decisions.decision_log(chapter).rows))
        page = (ROOT / "book" / f"{chapter}.md").read_text(encoding="utf-8")
        assert re.findall(r"decision_log\(\"(.+)\"\)", page) == [chapter]
    assert lengths == sorted(set(lengths))
    assert lengths[-1] == len(decisions.LOG)
    order = [chapter for chapter in toc.chapters() if chapter in {decision.chapter for decision in decisions.LOG}]
    assert order == list(dict.fromkeys(decision.chapter for decision in decisions.LOG))


def test_chapter_without_a_row_is_named() -> None:
    with pytest.raises(ValueError, match="chapter: expected one of data, model, .*got 'predict'"):
        decisions.decision_log("predict")
