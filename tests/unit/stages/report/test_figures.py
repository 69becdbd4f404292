"""The figures show every row of the tables, and the same tables give the same bytes."""

from dataclasses import replace

import pandas as pd
import pytest

from earshift.stages.report import final_tables
from earshift.stages.report.figures import audio, main, style
from tests.helpers.figures import drawn_axes, texts
from tests.helpers.report_tables import MEASURES, write_results


@pytest.fixture
def found(tmp_path):
    return final_tables.read(
        write_results(tmp_path / "r") / "tables", measures=MEASURES
    )


def test_the_same_tables_give_the_same_bytes(tmp_path):
    folder = write_results(tmp_path / "r") / "tables"
    for out in ("first", "second"):
        main.draw_figures(folder, MEASURES, tmp_path / out)
    files = sorted((tmp_path / "first").iterdir())
    assert len(files) == 2 * len(main.FIGURES)
    for first in files:
        assert first.read_bytes() == (tmp_path / "second" / first.name).read_bytes()
        if first.suffix == ".svg":
            assert "<dc:date>" not in first.read_text()


def test_each_model_and_test_dataset_has_axes_with_every_class(found):
    figure = main.per_class(found)
    assert len(drawn_axes(figure)) == 2 * 2
    assert {"mfcc", "other", "tested on here", "tested on there"} <= texts(figure)
    assert {"cello", "flute"} <= texts(figure)


def test_classes_are_sorted_by_their_loss(found):
    values = found.class_values
    lost = values["class"].eq("cello") & values["train"].ne(values["test"])
    values.loc[lost, "value_shrunken"] -= 0.1
    labels = drawn_axes(main.per_class(found))[0].get_yticklabels()
    assert [t.get_text() for t in labels] == ["flute", "cello"]


def test_classes_have_the_intervals_of_values_drawn_towards_the_mean(found):
    ax = drawn_axes(main.per_class(found))[0]
    within, across = (lines.get_segments() for lines in ax.collections)
    assert [list(ends[:, 0]) for ends in within] == [pytest.approx([0.84, 0.96])] * 2
    assert [list(ends[:, 0]) for ends in across] == [pytest.approx([0.64, 0.76])] * 2
    # Those of one class are one below the other.
    assert within[0][0, 1] == pytest.approx(0.25)
    assert across[0][0, 1] == pytest.approx(-0.25)


def test_a_learning_curve_has_a_line_per_training_dataset(found):
    axes = drawn_axes(main.FIGURES["learning_curves"](found))
    assert len(axes) == 2 * 2
    assert axes[0].get_title(loc="left") == "tested on here\nmfcc"
    within, across = (line for line in axes[0].lines if len(line.get_xdata()) == 3)
    assert list(within.get_xdata()) == [2, 4, 8]
    assert list(within.get_ydata()) == pytest.approx([0.825, 0.85, 0.9])
    assert list(across.get_ydata()) == pytest.approx([0.625, 0.65, 0.7])
    assert within.get_markerfacecolor() != "white"
    assert across.get_markerfacecolor() == "white"
    (low, high) = axes[0].collections[0].get_datalim(axes[0].transData).get_points()
    assert (low[1], high[1]) == pytest.approx((0.775, 0.95))


def test_without_learning_curves_their_figure_is_empty(found):
    found = replace(found, learning_curves=found.learning_curves[:0])
    assert not main.FIGURES["learning_curves"](found).axes


def test_changes_have_the_intervals_at_the_level_of_the_correction(found):
    found.summary["change_low_holm"] = -0.04
    found.summary["change_high_holm"] = 0.05
    ax = drawn_axes(main.changes(found))[0]
    assert [-0.04, 0.05] in [list(line.get_xdata()) for line in ax.lines]


def test_gaps_stand_where_the_table_says_with_their_intervals(found):
    ax = drawn_axes(main.gaps(found))[0]
    ends = [list(line.get_xdata()) for line in ax.lines]
    assert ends.count([0.1, 0.3]) == 2
    assert ends.count([0.2]) == 2
    assert [0.0, 0.0] in [[float(x) for x in e] for e in ends]


def test_the_gap_of_halves_is_a_band_behind_that_without_correction(found):
    ax = drawn_axes(main.gaps(found))[0]
    (band,) = ax.patches
    assert (band.get_x(), band.get_width()) == pytest.approx((-0.02, 0.06))
    names = [t.get_text() for t in ax.get_yticklabels()]
    assert names[round(band.get_y() + band.get_height() / 2)] == "none"


@pytest.mark.parametrize(
    ("verdict", "filled"),
    [
        ("worth it", True),
        ("harmful", True),
        ("practically equivalent", True),
        ("gain of unsure worth", False),
        ("no detectable effect", False),
    ],
)
def test_a_mark_is_filled_only_where_the_effect_is_sure(tmp_path, verdict, filled):
    folder = write_results(tmp_path / "r", verdict=verdict) / "tables"
    ax = drawn_axes(main.changes(final_tables.read(folder)))[0]
    mark = next(line for line in ax.lines if line.get_marker() == "o")
    assert (mark.get_markerfacecolor() != "white") == filled


def test_the_chance_line_of_a_measure_is_drawn(found):
    ax = drawn_axes(main.discrepancy(found))[0]
    assert [0.5, 0.5] in [list(line.get_xdata()) for line in ax.lines]


def test_a_difference_that_is_not_detected_has_an_empty_mark(found):
    ax = drawn_axes(main.discrepancy(found))[0]
    marks = [line for line in ax.lines if line.get_marker() == "o"]
    fills = {line.get_xdata()[0]: line.get_markerfacecolor() for line in marks}
    assert fills == {0.8: style.BLACK, 0.5: "white"}


def test_a_curve_has_a_line_per_pair_and_a_mark_per_half(found):
    figure = main.FIGURES["discrepancy_curve"](found)
    axes = drawn_axes(figure)
    titles = {ax.get_title(loc="left") for ax in axes}
    assert len(titles) == 4
    assert "linear domain AUC\nmfcc" in titles
    for ax in axes:
        (line,) = [line for line in ax.lines if len(line.get_xdata()) == 3]
        assert list(line.get_xdata()) == [17, 35, 70]
        assert list(line.get_ydata()) == [0.6, 0.7, 0.8]
        halves = [line for line in ax.lines if list(line.get_ydata()) == [0.51]]
        assert len(halves) == 2
        assert [t.get_text() for t in ax.get_xticklabels()] == ["17", "35", "70"]


def test_where_no_measure_scores_clips_the_figure_of_curves_is_empty(found):
    found = replace(found, curve=found.curve[:0])
    assert not main.FIGURES["discrepancy_curve"](found).axes


def test_what_a_method_sees_is_shown_beside_its_name(found):
    assert "lda \N{DAGGER}" in texts(main.gaps(found))
    assert "none" in texts(main.gaps(found))


@pytest.mark.parametrize("name", main.FIGURES)
def test_many_datasets_methods_classes_and_scopes_fit(name, tmp_path):
    folder = write_results(
        tmp_path / "r",
        datasets=("a", "b", "c"),
        methods=("none", *(f"method {i}" for i in range(8))),
        scopes=("global", "classwise"),
        classes=tuple(f"class ${i}$" for i in range(20)),
    )
    found = final_tables.read(folder / "tables", measures=MEASURES)
    figure = main.FIGURES[name](found)
    shown = texts(figure)
    if name == "per_class":
        assert {f"class ${i}$" for i in range(20)} <= shown
    elif name == "discrepancy":
        assert "method 7 \N{DAGGER}" in shown
    elif name == "discrepancy_curve":
        assert {"a, b", "a, c", "b, c"} <= {
            text.get_text() for text in figure.legends[0].get_texts()
        }
    elif name == "learning_curves":
        assert {f"tested on {d}\nmfcc" for d in "abc"} <= shown
    elif name == "attribution":
        assert {"method 7", "a, b", "b, c", "mfcc", "other"} <= shown
    elif name == "trade_offs":
        assert "method 7 (classwise)" in shown
    else:
        assert "method 7 (classwise) \N{DOUBLE DAGGER}" in shown


def test_an_experiment_without_corrections_can_be_drawn(tmp_path):
    folder = write_results(tmp_path / "r", methods=("none",))
    main.draw_figures(folder / "tables", MEASURES, tmp_path / "out")
    assert len(list((tmp_path / "out").iterdir())) == 2 * len(main.FIGURES)


def test_the_figure_of_the_audit_draws_what_its_tables_hold(tmp_path):
    folder = write_results(tmp_path / "r", datasets=tuple("abcdefghi")) / "1_clips"
    figure = audio.audio(
        pd.read_csv(folder / "spectra.csv"), pd.read_csv(folder / "distributions.csv")
    )
    spectrum, bandwidth, _, duration = figure.axes
    assert [line.get_ydata()[0] for line in spectrum.lines] == [
        -20 - i for i in range(9)
    ]
    assert len(spectrum.collections) == 9
    assert duration.lines[3].get_xdata()[-1] == 5
    assert bandwidth.lines[3].get_xdata()[-1] == 0.005
    # Nine datasets have nine looks.
    looks = {(line.get_color(), line.get_linestyle()) for line in spectrum.lines}
    assert len(looks) == 9
    assert set("abcdefghi") <= {t.get_text() for t in figure.legends[0].get_texts()}


def test_the_figure_of_the_audit_has_the_same_bytes_each_time(tmp_path):
    folder = write_results(tmp_path / "r") / "1_clips"
    for name in ("a", "b"):
        audio.draw_audio(folder, tmp_path / f"{name}.svg")
    for ending in ("svg", "png"):
        first, second = (tmp_path / f"{name}.{ending}" for name in "ab")
        assert first.read_bytes() == second.read_bytes()
