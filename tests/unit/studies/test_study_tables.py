"""Tables and figures of the study hold what stages 4 and 5 found."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text
from numpy.testing import assert_allclose

from earshift.stages.report import latex
from earshift.stages.report.figures import style
from earshift.studies.ismir2023 import faults, figure_data, figures, published, tables
from tests.helpers.study_results import (
    CLASSES,
    DATASETS,
    FAULTS,
    FIXED_GAIN,
    PROTOCOLS,
    write_study,
)
from tests.helpers.study_results import METHODS as NAMES

METHODS = {name: {"plugin": name} for name in NAMES}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = write_study(tmp_path_factory.mktemp("study") / "r")
    out = folder / "tables" / "study"
    tables.write_tables(folder, METHODS, out)
    directions = sorted(folder.glob("5_scores/*/*/*.directions.parquet"))
    figure_data.write_data(folder, PROTOCOLS, DATASETS, METHODS, directions, out)
    return folder


def read(results, name):
    file = results / "tables" / "study" / f"{name}.csv"
    return pd.read_csv(file, keep_default_na=False, na_values=[""])


def test_protocols_stand_side_by_side_with_what_was_published(results):
    main = read(results, "main")
    assert len(main) == 2 * 6 * 2 * 4
    assert_allclose(main["difference_paper"], 0, atol=1e-6)
    assert_allclose(main["difference_fixed"], 100 * FIXED_GAIN, atol=1e-6)
    assert_allclose(main["change_fixed"], main["change_published"], atol=1e-6)
    row = main[main["model"].eq("vggish") & main["method"].eq("none")].iloc[0]
    assert (row["train"], row["test"]) == ("irmas", "irmas")
    assert round(row["roc_auc_published"], 2) == 91.60
    assert round(row["roc_auc_fixed"], 2) == 92.60


def test_each_class_has_a_row_and_repeats_are_averaged(results):
    classes = read(results, "classes")
    assert len(classes) == 2 * 6 * 2 * 4 * 10
    cello = classes[classes["class"].eq("cello")].iloc[0]
    assert cello["roc_auc_fixed"] == pytest.approx(94.1977 + 100 * FIXED_GAIN)


@pytest.mark.parametrize("methods", [["none"], ["none", "lda", "mlda"]])
def test_without_the_kernel_nothing_is_compared_with_it(methods):
    scores = published.results().assign(condition="clean", repeat=0)
    scores = scores[scores["method"].isin(methods)]
    table = tables.paired_tests(scores, "k")
    assert table.empty
    assert "p_holm" in table
    assert set(tables.paired_tests(scores, "none")["method"]) == {*methods[1:]}


def test_a_model_that_was_not_published_has_no_published_value():
    scores = published.results().head(40).assign(condition="clean", repeat=0)
    scores = scores.assign(protocol="fixed", model="mfcc")
    both = tables.with_published(scores, published.results())
    main = tables.main_table(both)
    assert not [c for c in main if "published" in c or "difference" in c]
    assert main["roc_auc_fixed"].notna().all()


def test_the_latex_table_has_a_line_per_protocol_and_the_difference(results):
    text = (results / "tables" / "study" / "main.tex").read_text()
    lines = text.splitlines()
    assert lines[1].startswith(r"\begin{tabular}{llll")
    assert text.count(r"\midrule") == 2
    first = next(i for i, line in enumerate(lines) if line.startswith("vggish"))
    cells = [line.removesuffix(r" \\").split(" & ") for line in lines[first:]]
    assert cells[0] == "vggish,none,,paper,91.60,87.95,83.81,82.82".split(",")
    assert cells[1][3:] == ["fixed", "92.60", "88.95", "84.81", "83.82"]
    assert cells[2][3] == "published"
    assert cells[3][3:] == ["paper $-$ published", "0.00", "0.00", "0.00", "0.00"]
    assert cells[4][1:5] == ["lda", "global", "paper", "91.60 (0.00)"]
    assert all(len(row) == 8 for row in cells if len(row) > 1)


def test_latex_escapes_what_it_would_not_print():
    table = latex.tabular(["a_b", "50 %"], [[["$x", "a & b"]]], "ll", note="c")
    assert table.startswith("% c\n\\begin{tabular}{ll}")
    assert r"a\_b & 50 \% \\" in table
    assert r"\$x & a \& b \\" in table


def test_deviations_have_mean_and_largest_effect_of_each_fault(results):
    table = read(results, "deviations").set_index("fault")
    assert list(table.index) == list(FAULTS)
    assert_allclose(table["within"], 0)
    assert_allclose(table["across"], [100 * x for x in FAULTS.values()])
    assert_allclose(table["largest"], table["across"])
    cell = table.loc["one_class_lda", "largest_cell"]
    assert cell == "vggish, none, irmas to openmic"
    assert list(table["n_classes"]) == [9, 10, 10]
    text = (results / "tables" / "study" / "deviations.tex").read_text()
    title = faults.DEVIATIONS["one_class_lda"].title
    assert f"{title} (9 of 10 classes) & " in text
    assert text.count(" of 10 classes") == 1
    assert f"% {faults.OTHER_CLIPS}" in text
    assert "$-$0.10" in text


def test_a_fault_without_a_text_keeps_its_name():
    assert faults.describe("new_fault").title == "new_fault"


def test_paired_tests_of_ours_are_those_of_the_published_table(results):
    ours = read(results, "tests")
    ours = ours[ours["protocol"].eq("paper")].reset_index(drop=True)
    theirs = published.results().assign(condition="clean", repeat=0)
    theirs = theirs[theirs["model"].isin(["vggish", "openl3"])]
    expected = tables.paired_tests(theirs, "k")
    own = ours[ours["reference"].eq("k")]
    assert len(own) == len(expected) == 16
    assert_allclose(own["t"], expected["t"], atol=1e-6)


def test_genres_are_counted_by_the_map_of_the_protocol(results):
    keys = ["protocol", "dataset", "stage", "subgroup"]
    n = read(results, "genres").set_index(keys)["n_clips"].sort_index()
    stages = figure_data.STAGES
    assert n["fixed", "openmic", stages[0], "country_folk"] == 40
    assert n["fixed", "openmic", stages[1], "country_folk"] == 20
    # By the map of the paper, they are of no genre.
    assert ("paper", "openmic", stages[0], "country_folk") not in n.index
    assert n["paper", "openmic", stages[0], figure_data.NO_GENRE] == 80
    drawn = n["paper", "irmas", stages[2]]
    draws = pd.read_parquet(results / "4_splits" / "draws.paper.parquet")
    own = draws[draws["dataset"].eq("irmas")]
    assert drawn.sum() == own["clip_id"].nunique()


def test_samples_are_training_clips_before_and_after_the_draw(results):
    table = read(results, "samples")
    row = table.set_index(["protocol", "dataset", "class"]).loc[
        "fixed", "irmas", "cello"
    ]
    # 10 of 100 training clips are cellos; 2 of them have no genre; half are drawn.
    assert row["n_train"] == 8
    assert row["n_drawn"] == 4


def test_cosines_are_between_lda_and_the_classifier_of_its_features(results):
    table = read(results, "cosines")
    ours = table[table["protocol"].ne("published")]
    assert len(ours) == 2 * 2 * 2 * 2 * 2 * 10
    assert_allclose(ours["cosine"], 0.6, atol=1e-6)
    theirs = table[table["protocol"].eq("published")]
    assert len(theirs) == 2 * 2 * 2 * 2 * 10


def direction(**columns):
    row = {"protocol": "fixed", "model": "m", "condition": "clean", "repeat": 0}
    row |= {"fold": 0, "method": "lda", "scope": "global", "train": None, "class": None}
    return row | {"kind": "dataset", "subgroup": None} | columns


def test_a_direction_of_all_classes_meets_the_classifier_of_each():
    e = np.eye(3)
    rows = [direction(vector=e[0], train="a")]
    rows += [
        direction(
            **{"class": c, "method": "none", "kind": "class", "train": t, "vector": v}
        )
        for c, t, v in (("x", "a", e[0]), ("y", "a", -e[1]), ("x", "b", e[0]))
    ]
    found = figure_data.cosines(pd.DataFrame(rows))
    assert found[["train", "class", "cosine"]].to_numpy().tolist() == [
        ["a", "x", 1.0],
        ["a", "y", 0.0],
    ]


def test_directions_of_another_space_have_no_cosine(caplog):
    rows = [direction(vector=np.ones(2), train="a", **{"class": "x"})]
    rows.append(
        direction(
            vector=np.ones(3),
            train="a",
            **{"class": "x", "method": "none", "kind": "class"},
        )
    )
    found = figure_data.cosines(pd.DataFrame(rows))
    assert found["cosine"].isna().all()
    assert "1 of 1 directions are not in the space" in caplog.text


def test_the_rank_of_the_genres_is_in_their_singular_values(results):
    table = read(results, "ranks")
    keys = ["protocol", "model", "method", "scope", "class"]
    values = table.groupby(keys)["value"].agg(list)
    # At right angles; and one twice, whose squares add up.
    assert_allclose(values["fixed", "vggish", "mlda", "global", "cello"], 1)
    kernel = values["fixed", "vggish", "mklda", "classwise", "voice"]
    assert_allclose(kernel, [2**0.5, 1, 1, 0], atol=1e-6)


def texts(figure):
    return {t.get_text() for t in figure.findobj(Text) if t.get_visible()}


def test_class_scores_stand_where_the_table_says(results):
    figure = figures.class_scores(read(results, "classes"), "fixed")
    assert len(figure.axes) == 4
    ax = figure.axes[1]
    ours, theirs = ax.lines[:2]
    assert ours.get_xdata()[0] == pytest.approx(80.4629 + 100 * FIXED_GAIN)
    assert theirs.get_xdata()[0] == pytest.approx(80.4629)
    assert {"trained on irmas", "tested on openmic", *CLASSES} <= texts(figure)
    assert "ROC-AUC x 100 (protocol fixed)" in texts(figure)


def test_an_arrow_goes_from_none_to_the_method_and_small_changes_are_dots(results):
    table = read(results, "classes")
    figure = figures.arrows(table, "paper")
    ax = figure.axes[0]
    heads = {line.get_marker(): line for line in ax.lines[:4]}
    keys = ["model", "method", "scope", "train", "test", "class"]
    values = table.set_index(keys)["roc_auc_paper"]
    cell = ("global", "irmas", "openmic", "cello")
    after = values["vggish", "mlda", *cell]
    assert after < values["vggish", "none", *cell] - 5
    assert after in heads["<"].get_xdata()
    n = sum(len(line.get_xdata()) for line in ax.lines[1:4])
    assert n == len(CLASSES)  # each class has a head or a dot
    dots = heads["."].get_xdata()
    assert values["vggish", "mlda", "global", "irmas", "openmic", "voice"] in dots


def test_bars_are_shares_and_numbers_are_written(results):
    figure = figures.genres(read(results, "genres"))
    assert len(figure.axes) == 2 * 3
    widths = [bar.get_width() for bar in figure.axes[0].patches]
    assert widths == [20.0] * 10
    assert {"n = 60 / 80", "n = 200"} <= texts(figure)


def test_published_cosines_are_drawn_beside_ours(results):
    figure = figures.cosines(read(results, "cosines"), "paper")
    assert len(figure.axes) == 4 * 2
    ax = figure.axes[0]
    ours = [line for line in ax.lines if line.get_marker() == "o"]
    theirs = [line for line in ax.lines if line.get_marker() == "|"]
    assert all((line.get_xdata() == 0.6).all() for line in ours)
    assert {len(line.get_xdata()) for line in theirs} == {len(CLASSES)}


def test_every_cosine_and_sample_is_within_its_axes(results):
    table = read(results, "cosines")
    table.loc[table["scope"].eq("classwise"), "cosine"] = 0.9  # in a later row
    drawn = [figures.cosines(table, "paper")]
    drawn.append(figures.samples(read(results, "samples")))
    for figure in drawn:
        for ax in figure.axes:
            low, high = ax.get_xlim()
            values = np.concatenate([line.get_xdata() for line in ax.lines])
            assert low == 0
            assert (values < high).all()


def test_a_protocol_without_the_method_has_a_figure_that_says_so(results):
    table = read(results, "classes")
    table = table[table["method"].isin(["none", "lda"])]
    figure = figures.arrows(table, "fixed")
    assert any("has no method mlda" in text for text in texts(figure))


def test_all_figures_are_written_in_three_forms_with_the_same_bytes(results, tmp_path):
    figures.draw_study(results / "tables" / "study", ["paper"], tmp_path)
    names = set(figure_data.COMMON_FIGURES)
    names |= {f"{name}_paper" for name in figure_data.PROTOCOL_FIGURES}
    expected = {f"{n}.{end}" for n in names for end in ("svg", "pdf", "png")}
    assert {file.name for file in tmp_path.iterdir()} == expected
    again = figures.ranks(read(results, "ranks"), "paper")
    style.save(again, tmp_path / "again.svg", pdf=True)
    for end in ("svg", "pdf", "png"):
        first, second = (tmp_path / f"{n}.{end}" for n in ("ranks_paper", "again"))
        assert first.read_bytes() == second.read_bytes()


def test_methods_are_called_as_in_the_study_whatever_the_experiment_calls_them():
    methods = {
        "none": {"plugin": "none"},
        "my_k": {"plugin": "k"},
        "my_klda": {"plugin": "klda"},
        "klda": {"plugin": "lda"},
        "other": {"plugin": "lda", "shrinkage": 0.5},
        "mlda": {"plugin": "own.py"},
    }
    named = published.by_plugin(pd.DataFrame({"method": list(methods)}), methods)
    assert named["method"].tolist() == [
        *("none", "k", "klda", "lda", "other", "mlda (own.py)"),
    ]
    scores = published.results().assign(condition="clean", repeat=0)
    scores = scores[scores["method"].isin(["none", "k", "klda"])]
    ours = scores.replace({"method": {"k": "my_k", "klda": "my_klda"}})
    named = published.by_plugin(ours, methods)
    pd.testing.assert_frame_equal(
        tables.paired_tests(named, "k"), tables.paired_tests(scores, "k")
    )
    assert set(tables.paired_tests(named, "k")["method"]) == {"klda"}
