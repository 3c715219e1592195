import csv
from pathlib import Path

import numpy as np
import pytest

from mnist_lessons import tables
from mnist_lessons.tables import Table


def test_table_comes_back_as_it_was_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        {"method": "k-NN, L2", "seed": 0, "accuracy": 0.9691, "gradient_rms": (0.25, 1e-7)},
        {"method": "", "seed": -3, "accuracy": float("nan"), "gradient_rms": (1.0, 0.5)},
    ]
    monkeypatch.setattr(tables, "STORED", tmp_path)
    tables.save_rows(tmp_path / "trial.csv", rows)
    found = tables.load_table("trial")
    assert found[0] == rows[0]
    assert np.isnan(found[1].pop("accuracy"))
    assert found[1] == {"method": "", "seed": -3, "gradient_rms": (1.0, 0.5)}
    with (tmp_path / "trial.csv").open(newline="", encoding="utf-8") as stream:
        assert next(csv.reader(stream)) == ["method", "seed", "accuracy", "gradient_rms"]


def test_table_reads_well_as_text_and_as_html() -> None:
    table = Table([["a<b", 1], ["c", "2.50"]], columns=["name", "share"], caption="Shares & names.")
    assert repr(table).splitlines() == ["Shares & names.", "name  share", " a<b      1", "   c   2.50"]
    html = table._repr_html_()
    assert "<caption>Shares &amp; names.</caption>" in html
    assert html.count('<th scope="col">') == 2
    assert '<th scope="row">a&lt;b</th><td>1</td>' in html


def test_table_typesets_minus_signs_and_leaves_hyphens() -> None:
    rows = [["k-NN", "-0.5", "1-3", "1e-07"], ["784-50-10", "-0.1 to 0.2", "(-2)", "2026-11-25"]]
    html = Table(rows, columns=["a", "b", "c", "d"], caption="")._repr_html_()
    for cell in ("k-NN", "−0.5", "1-3", "1e-07", "784-50-10", "−0.1 to 0.2", "(−2)", "2026-11-25"):
        assert f">{cell}<" in html


def test_only_table_that_may_be_sorted_says_so() -> None:
    rows, heads = [["a", 1]], ["name", "share"]
    assert 'class="ml-table"' in Table(rows, columns=heads, caption="")._repr_html_()
    assert 'class="ml-table ml-sortable"' in Table(rows, columns=heads, caption="", sortable=True)._repr_html_()


def test_table_refuses_ragged_rows() -> None:
    with pytest.raises(ValueError, match="rows: expected 2 cells a row, got 1"):
        Table([["a"]], columns=["name", "share"], caption="")
