"""Measures of discrepancy through stages 6 to 8: scores of clips, and other values."""

import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from earshift import discrepancy, registry
from earshift.discrepancy import Result, resample
from earshift.errors import ConfigError, DataError
from earshift.runs import settings
from earshift.stages.discrepancy import curves
from earshift.stages.discrepancy.halves import N_REPEATS
from earshift.stages.discrepancy.measuring import check_draws, measure_discrepancy
from earshift.stages.report import final_tables
from earshift.stages.report.figures import main
from earshift.stages.report.sections.findings import findings
from earshift.stages.statistics import discrepancy_summary
from earshift.stages.statistics.summary import Options
from tests.helpers.config import SCHEMA, minimal
from tests.helpers.figures import drawn_axes, texts
from tests.helpers.plugins import PLUGINS
from tests.helpers.report_tables import write_results
from tests.helpers.two_domains import write_two_domains

MMD = str(PLUGINS / "mmd.py")

METHODS = {"none": {"plugin": "none"}, "lda": {"plugin": "lda"}}

MEASURES = {
    "domain_auc_linear": {"plugin": "domain_auc_linear"},
    "mmd": {"plugin": MMD},
    "wide_mmd": {"plugin": MMD, "width": 4.0},
}

#: Columns of the final table where all measures score clips.
COLUMNS = (
    "model condition method access measure a b n_a n_b n_recordings_a n_recordings_b "
    "value low high change change_low change_high p_value detected"
).split()


@pytest.fixture(scope="module")
def entries(tmp_path_factory):
    folder = tmp_path_factory.mktemp("domains")
    return write_two_domains(folder)


def measured(folder, entries, measures):
    """Run stage 6, and stage 7 on what it writes; return both tables."""
    measure_discrepancy(
        model="m",
        condition="clean",
        entries=entries,
        classes=Path(entries[0]["features"]).parent / "classes.csv",
        methods=METHODS,
        measures=measures,
        seed=0,
        parts=folder / "parts",
        out=folder / "d.parquet",
        size_parts=folder / "size_parts",
        sizes=folder / "sizes.parquet",
    )
    discrepancy_summary.summarise_discrepancy(
        [folder / "d.parquet"],
        [folder / "sizes.parquet"],
        METHODS,
        measures,
        n_resamples=199,
        confidence=0.95,
        seed=0,
        out=folder / "discrepancy.csv",
        curve=folder / "curve.csv",
        null=folder / "null.csv",
    )
    rows = pd.read_parquet(folder / "d.parquet")
    return rows, pd.read_csv(folder / "discrepancy.csv", keep_default_na=False)


@pytest.fixture(scope="module")
def folder_of_both(tmp_path_factory):
    return tmp_path_factory.mktemp("both")


@pytest.fixture(scope="module")
def both(folder_of_both, entries):
    """Tables of stages 6 and 7, with a measure that scores clips and one that not."""
    return measured(folder_of_both, entries, MEASURES)


@pytest.fixture(scope="module")
def alone(tmp_path_factory, entries):
    """The same of the measure that scores clips alone."""
    name = "domain_auc_linear"
    folder = tmp_path_factory.mktemp("alone")
    return measured(folder, entries, {name: MEASURES[name]})


def test_a_measure_of_values_alters_nothing_of_one_that_scores_clips(both, alone):
    rows, table = alone
    assert "quantity" not in rows.columns
    assert list(table.columns) == COLUMNS
    of_clips = both[0][both[0]["quantity"].isna()][rows.columns]
    of_clips = of_clips.reset_index(drop=True).astype(rows.dtypes)
    pd.testing.assert_frame_equal(rows, of_clips, check_exact=True)
    same = both[1][both[1]["measure"].eq("domain_auc_linear")][COLUMNS]
    # Beside values of any size, numbers are written without zeros at their end.
    zeros = {r"(\.\d*?)0+$": r"\1", r"\.$": ""}
    texts = [t.astype(str).replace(zeros, regex=True) for t in (table, same)]
    pd.testing.assert_frame_equal(*texts, check_exact=True)


def test_values_are_kept_by_half_and_averaged(both):
    rows, table = both
    rows = rows[rows["measure"].eq("mmd") & rows["method"].eq("lda")]
    counts = rows.groupby(["repeat", "fold"])["quantity"].value_counts().unstack()
    assert counts.shape == (2 * N_REPEATS, 3)
    assert counts["value"].eq(1).all()
    assert counts[["null", "resampled"]].eq(199).all().all()
    row = table.set_index(["measure", "method"]).loc[("mmd", "lda")]
    means = rows.groupby("quantity")["value"].mean()
    assert float(row["value"]) == pytest.approx(means["value"], abs=1e-6)
    assert float(row["null"]) == pytest.approx(means["null"], abs=1e-6)


def test_another_measure_finds_the_shift_and_its_removal(both):
    table = both[1].set_index(["measure", "method"])
    values = table.loc["mmd"].drop(columns=["access", "model", "condition", "a", "b"])
    values = values.replace("", np.nan).astype(float)
    assert values.loc["none", "value"] > values.loc["none", "null_high"]
    assert values.loc["none", "p_value"] == pytest.approx(1 / 200)
    # What a direction of 40 recordings leaves is small, and may be detected.
    assert values.loc["lda", "value"] < values.loc["none", "value"] / 2
    assert values.loc["lda", "p_value"] > values.loc["none", "p_value"]
    assert values.loc["lda", "change_high"] < 0
    for _, row in values.iterrows():
        assert row["low"] < row["value"] < row["high"]
        assert row["null_low"] < row["null"] < row["null_high"]
    # The interval of the change is that of a paired comparison.
    change = values.loc["lda", "change_high"] - values.loc["lda", "change_low"]
    spread = values["high"] - values["low"]
    assert change < spread.sum()


def test_a_measure_of_fixed_value_at_equality_says_it_beside_others(both):
    auc = both[1][both[1]["measure"].eq("domain_auc_linear")]
    assert set(auc["null"].astype(float)) == {0.5}
    assert set(auc["null_low"]) == {""}
    found = auc.set_index("method")[["p_value", "detected"]]
    assert found.loc["none"].tolist() == [0.005, True]


def test_an_entry_has_options_under_a_name_of_its_own(both):
    table = both[1].set_index(["measure", "method"])
    narrow, wide = (float(table.loc[(m, "none"), "value"]) for m in ("mmd", "wide_mmd"))
    assert 0 < wide < 0.9 * narrow


def test_an_option_that_changes_is_measured_anew_and_nothing_else(tmp_path, entries):
    parts = tmp_path / "parts"
    first, _ = measured(tmp_path, entries, {"mmd": {"plugin": MMD}})
    names = {part.name for part in parts.iterdir()}
    again, _ = measured(tmp_path, entries, {"mmd": {"plugin": MMD}})
    assert {part.name for part in parts.iterdir()} == names
    pd.testing.assert_frame_equal(first, again)
    wide, _ = measured(tmp_path, entries, {"mmd": {"plugin": MMD, "width": 3.0}})
    assert names.isdisjoint(part.name for part in parts.iterdir())
    assert not np.allclose(first["value"], wide["value"])


def test_what_decides_results_is_the_version_alone_where_the_name_says_the_rest():
    own = registry.version_of("discrepancy", MMD)
    assert re.fullmatch(r"1\+[0-9a-f]{12}", own)
    found = discrepancy.identities(MEASURES)
    assert found == {
        "domain_auc_linear": 1,
        "mmd": {"version": own, "entry": {"plugin": MMD}},
        "wide_mmd": {"version": own, "entry": {"plugin": MMD, "width": 4.0}},
    }
    for name, identity in found.items():
        version = registry.version_of("discrepancy", MEASURES[name]["plugin"])
        assert discrepancy.entry_of(name, identity) == (MEASURES[name], version)


@pytest.fixture
def drawn(tmp_path, folder_of_both, both):
    """The tables of a report whose discrepancies are those of `both`."""
    folder = (
        write_results(tmp_path / "r", datasets=("a", "b"), models=("m",)) / "tables"
    )
    both[1].to_csv(folder / "discrepancy.csv", index=False)
    for name in ("curve", "null"):
        shutil.copy(folder_of_both / f"{name}.csv", folder / f"discrepancy_{name}.csv")
    return final_tables.read(folder, measures=MEASURES)


def test_the_figure_has_a_scale_for_each_measure_without_bounds(drawn):
    figure = main.discrepancy(drawn)
    auc, mmd, wide = drawn_axes(figure)
    assert {"linear domain AUC\na, b", "MMD\na, b", "MMD (wide_mmd)\na, b"} <= texts(
        figure
    )
    assert auc.get_xlim()[1] > 0.9
    assert mmd.get_xlim() != auc.get_xlim() != wide.get_xlim()
    for ax, name in ((auc, "domain_auc_linear"), (mmd, "mmd"), (wide, "wide_mmd")):
        rows = drawn.discrepancy[drawn.discrepancy["measure"].eq(name)]
        low, high = ax.get_xlim()
        assert low < rows["low"].min()
        assert rows["high"].max() < high
        assert ax.xaxis.get_ticklabels()[0].get_visible()
        dashed = [list(line.get_xdata()) for line in ax.lines].count([0.5, 0.5])
        bands = [(p.get_x(), p.get_x() + p.get_width()) for p in ax.patches]
        # A line at one value for all methods, or a band for each of them.
        assert (dashed, len(bands)) == ((1, 0) if ax is auc else (0, 2))
        ends = rows[["null_low", "null_high"]].to_numpy(float)[: len(bands)]
        assert_allclose(sorted(bands), sorted(map(tuple, ends)))
    assert "equal datasets" in {t.get_text() for t in figure.legends[0].get_texts()}


def test_bounded_measures_alone_share_their_scale(tmp_path):
    folder = write_results(tmp_path / "r") / "tables"
    names = ("domain_auc_linear", "domain_auc_nonlinear")
    found = final_tables.read(
        folder, measures={name: {"plugin": name} for name in names}
    )
    figure = main.discrepancy(found)
    assert len({ax.get_xlim() for ax in drawn_axes(figure)}) == 1
    assert not any(ax.patches for ax in drawn_axes(figure))
    assert len(figure.legends[0].get_texts()) == 3


def test_the_report_says_what_equal_datasets_give(drawn):
    text = "\n".join(
        s for section in findings(drawn, Options(0.95, 0.01)) for s in section.sentences
    )
    row = drawn.discrepancy.set_index(["measure", "variant"]).loc[("mmd", "none")]
    said = f"the MMD is {row['value']:.3f} [{row['low']:.3f}, {row['high']:.3f}] with m"
    assert said in text
    assert f"(equal datasets: {row['null']:.3f} [{row['null_low']:.3f}, " in text
    assert "the linear domain AUC (0.5 means no difference) is" in text
    after = "By the MMD, 1 difference can be detected without correction, and so after"
    assert f"{after} every correction (" in text


def test_only_measures_that_score_clips_have_a_curve_and_all_have_halves(drawn):
    assert set(drawn.curve["measure"]) == {"domain_auc_linear"}
    halves = drawn.halves.set_index(["measure", "dataset"])
    assert list(halves.index) == [(m, d) for d in "ab" for m in MEASURES]
    assert set(halves["n"]) == set(drawn.discrepancy["n_a"])
    # Halves of one dataset are more alike than the two datasets.
    pairs = drawn.discrepancy[drawn.discrepancy["variant"].eq("none")]
    for name, value in pairs.set_index("measure")["value"].items():
        assert (halves.loc[name, "value"] < value).all()


def test_of_a_similarity_lower_values_are_differences(tmp_path):
    file = tmp_path / "alike.py"
    text = Path(MMD).read_text().replace('better = "lower"', 'better = "higher"')
    file.write_text(text)
    measures = {"alike": {"plugin": str(file)}}
    folder = write_results(tmp_path / "r", models=("m",)) / "tables"
    table = pd.read_csv(folder / "discrepancy.csv", keep_default_na=False)
    table = table[table["measure"].eq("domain_auc_linear")].assign(measure="alike")
    table = table.assign(null=0.7, null_low=0.6, null_high=0.9)
    table.to_csv(folder / "discrepancy.csv", index=False)
    found = final_tables.read(folder, measures=measures)
    null = np.linspace(0.6, 0.9, 99)
    for value, different in ((0.8, False), (0.5, True), (0.95, False)):
        p = curves.Curve(np.array([[value, value]]), null).p_value("higher", None)
        assert curves.is_detected(p, 0.95) == different
    assert any(
        "(higher: more alike)" in text for text in texts(main.discrepancy(found))
    )


@pytest.mark.parametrize(
    ("section", "message"),
    [
        (["domain_auc_liner"], "Did you mean 'domain_auc_linear'"),
        (
            {"d": {"plugin": "domain_auc_linear", "C": 2}},
            "'discrepancy: d': .*option 'C'",
        ),
        ({"mmd": {"plugin": MMD, "with": 2}}, "Did you mean 'width'"),
        ({"mmd": {"plugin": MMD, "width": "far"}}, "width must be a number"),
        ({"mmd": {"plugin": MMD, "rng": 1}}, "has no option 'rng'"),
    ],
)
def test_wrong_names_and_options_are_refused_before_any_job(section, message):
    config = minimal(discrepancy=section)
    with pytest.raises(ConfigError, match=message):
        settings.resolve(config, SCHEMA)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"lower"', '"lwoer"', "better = 'lwoer'.*Did you mean 'lower'"),
        ("(0.0, None)", "0.0", "must be a pair of numbers"),
        ("at_equality = None", "at_equality = -1", "a number between them"),
        ("rng, width", "seed, width", "must take X_a, X_b, and as keywords"),
        (", **_)", ")", "must take X_a, X_b, and as keywords"),
        ('label = "MMD"', "", "does not define 'label'"),
    ],
)
def test_a_plugin_that_cannot_be_a_measure_is_refused(tmp_path, old, new, message):
    file = tmp_path / "own.py"
    text = Path(MMD).read_text()
    assert old in text
    if "rng" in old:
        text = text.replace(", **_)", ")").replace("recordings_b, rng)", "[], seed)")
    file.write_text(text.replace(old, new))
    with pytest.raises(ConfigError, match=message):
        registry.load("discrepancy", str(file))


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        ("0.5", r"must return a discrepancy\.Result, got a float"),
        ("Result(1.0)", "neither scores of clips nor resampled values"),
        ("Result(1.0, resampled=some)", "must therefore return null values"),
        ("Result(-1.0, some, some)", r"the value -1, outside its range \(0.0, None\)"),
        ("Result(np.nan, some, some)", "finite numbers as 'value'.* 1 not finite"),
        ("Result(1.0, some, np.log(-some))", "as 'resampled'.* 9 not finite"),
        ("Result('1', some, some)", "finite numbers as 'value'.* type <U1"),
        ("Result(1j, some, some)", "finite numbers as 'value'.* type complex128"),
        ("Result(1.0, some, 1.0)", r"numbers as 'resampled'.* shape \(\) of type"),
        ("Result(1.0, -some, some)", r"null value -1, outside its range \(0.0, None"),
        ("Result(1.0, some, some)", "gives 9 null values: fewer than 20 say nothing"),
        ("Result(1.0, many, some)", "gives 9 resampled values: fewer than 20 say"),
        ("Result(1.0, many, many + 1)", "value 1 and resampled values from 2 to 31"),
        ("Result(31.0, many, many)", "value 31 and resampled values from 1 to 30"),
        ("Result(0.9, scores=ClipScores(X, X.astype(int) * 0))", "whose AUC is 0.5: "),
        ("Result(0.5, scores=ClipScores(X, X))", "a whole number as the fold"),
    ],
)
def test_a_measure_that_returns_what_none_may_is_named(
    tmp_path, entries, returned, message
):
    text = Path(MMD).read_text().split("def measure")[0] + (
        "from earshift.discrepancy import ClipScores, Result\n\n"
        "def measure(X_a, X_b, **_):\n"
        "    some, many = np.arange(1.0, 10), np.arange(1.0, 31)\n"
        "    X = np.zeros(len(X_a) + len(X_b))\n"
        "    with np.errstate(invalid='ignore'):\n"
        f"        return {returned}\n"
    )
    file = tmp_path / "own.py"
    file.write_text(text)
    with pytest.raises(DataError, match=f"the measure 'mine'.*{message}"):
        measured(tmp_path, entries, {"mine": {"plugin": str(file)}})


@pytest.mark.parametrize("quantity", ["null", "resampled"])
def test_every_call_of_a_measure_gives_as_many_values(both, quantity):
    rows, _ = both
    check_draws(rows)
    of_one = rows["measure"].eq("mmd") & rows["method"].eq("lda")
    last = rows["quantity"].eq(quantity) & rows["repeat"].eq(2) & rows["fold"].eq(1)
    shorter = rows[~(of_one & last & rows["draw"].gt(149))]
    message = f"measure 'mmd' gives 150 {quantity} values for some .* and 199 for"
    with pytest.raises(DataError, match=message):
        check_draws(shorter)
    with pytest.raises(DataError, match=f"gives 0 {quantity} values"):
        check_draws(rows[~(of_one & last)])


def test_halves_of_a_repeat_are_averaged_by_draw_and_repeats_by_interval():
    values = {
        (0, 0): [1.0, 3.0],
        (0, 1): [3.0, 5.0],
        (1, 0): [2.0] * 2,
        (1, 1): [2.0] * 2,
    }
    rows = pd.DataFrame(
        [
            {"quantity": quantity, "draw": i, "value": value, "repeat": r, "fold": f}
            for (r, f), each in values.items()
            for quantity, some in (("value", [sum(each)]), ("resampled", each))
            for i, value in enumerate(some)
        ]
    ).assign(method="none", **dict.fromkeys(curves.KEYS, "k"))
    ((key, curve),) = curves.curves(rows, 0, 0)
    assert key == (*["k"] * len(curves.KEYS), "none")
    assert_allclose(curve.values, [[6.0, 2.0, 4.0], [4.0, 2.0, 2.0]])
    assert curve.value == 5.0
    assert curve.interval(1.0) == (2.0, 3.0)
    assert curve.null is None
    assert np.isnan(curve.p_value("lower", None))


def test_the_p_value_is_that_of_the_side_that_is_more_different():
    curve = curves.Curve(np.array([[3.0, 3.0]]), np.array([1.0, 2.0, 3.0, 4.0]))
    assert curve.p_value("lower", None) == pytest.approx((2 + 1) / 5)
    assert curve.p_value("higher", None) == pytest.approx((3 + 1) / 5)


def difference(x):
    return lambda a, b: x[b].mean() - x[a].mean()


@pytest.mark.parametrize("n", [11, 60])
def test_resampled_values_spread_as_other_samples_would(n):
    """The difference of two means has a spread that is known, also of recordings."""
    rng = np.random.default_rng(0)
    recordings = np.repeat(np.arange(n), 3).astype(str)
    spreads, widths = [], []
    for _ in range(60):
        x = np.repeat(rng.standard_normal(2 * n), 3) + np.repeat([0.0, 5.0], 3 * n)
        result = resample(difference(x), recordings, recordings, rng)
        assert result.resampled.mean() == pytest.approx(result.value)
        spreads.append(result.value)
        widths.append(result.resampled.std())
    assert np.mean(widths) == pytest.approx(np.sqrt(2 / n), rel=0.1)
    assert np.std(spreads) == pytest.approx(np.sqrt(2 / n), rel=0.3)


def test_null_values_are_those_of_equal_datasets():
    rng = np.random.default_rng(0)
    recordings = np.repeat(np.arange(20), 2).astype(str)
    p_values = []
    for _ in range(100):
        x = np.repeat(rng.standard_normal(40), 2)
        result = resample(difference(x), recordings, recordings, rng, n_draws=99)
        curve = curves.Curve(np.array([[result.value]]), result.null)
        p_values.append(curve.p_value("lower", None))
    # Uniform between 0 and 1: the standard error of the mean is 0.03.
    assert np.mean(p_values) == pytest.approx(0.5, abs=0.1)
    assert np.mean(np.array(p_values) <= 0.1) < 0.2
    shifted = np.repeat([0.0, 5.0], 40) + x
    result = resample(difference(shifted), recordings, recordings, rng)
    assert result.null.max() < result.value
    assert isinstance(result, Result)


def test_one_recording_is_drawn_whole_and_every_dataset_keeps_one():
    seen = []

    def statistic(a, b):
        seen.append((set(a.tolist()), set(b.tolist())))
        return float(len(a))

    recordings_a, recordings_b = np.array(["x", "x", "y", "y"]), np.array(["x", "x"])
    resample(
        statistic, recordings_a, recordings_b, np.random.default_rng(0), n_draws=50
    )
    whole = [{0, 1}, {2, 3}, {4, 5}]
    for a, b in seen:
        assert a
        assert b
        for recording in whole:
            assert not recording & a or recording <= a
            assert not recording & b or recording <= b
    # One name in two datasets is two recordings, which may be assigned apart.
    assert any({0, 1} <= a and {4, 5} <= a for a, _ in seen)
    assert any({0, 1} <= a and {4, 5} <= b for a, b in seen)
