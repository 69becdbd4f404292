"""The summary compares each method with its references, and never mixes protocols."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from earshift.debias import Method
from earshift.errors import ConfigError
from earshift.evaluation.protocol import study_of
from earshift.numerics.inference import holm
from earshift.stages.statistics import access, summary

STUDY = study_of("ismir2023")

METHODS = {name: {"plugin": name} for name in ("none", "k", "klda")}
KEYS = ["protocol", "method", "reference"]

#: Method -> how many of the ten pairs of kinds its scores put in the right order.
ORDERED = {"none": 6, "k": 7, "klda": 10}


def scores_of(method, protocol, repeat, class_):
    """Five kinds of clips with the class, two without: a pair of them is worth 0.1."""
    lost = 10 - ORDERED[method]
    lost += 2 * (protocol == "paper") + (repeat == 1) + (class_ == "flute")
    present = np.array([True] * 5 + [False] * 2)
    score = np.array([1.0] * 5 + [0.0] * 2)
    # The clips without the class beat as many of those with it as pairs are lost.
    score[:5] += np.arange(5)
    score[5] = min(lost, 5) + 0.5
    score[6] = max(lost - 5, 0) + 0.5
    n = 20  # of each kind, so that resamples differ little
    ids = [f"c{i}" for i in range(7 * n)]
    columns = {"present": np.tile(present, n), "score": np.tile(score, n)}
    rows = pd.DataFrame({"clip_id": ids, "recording": ids} | columns)
    sizes = {"n_train": 20, "n_train_positive": 5, "n_train_recordings": 20}
    return rows.assign(threshold=0.0, **sizes)


def paired(rows):
    """Return rows of all clips, and again as of equal training sets."""
    other = {"a": "b", "b": "a"}
    partner = rows["train"].map(other)
    return pd.concat([rows.assign(sample=s, partner=partner) for s in ("all", "equal")])


def summarised(paths, methods, folder, **options):
    """Summarise, and return the tables by name."""
    out = {name: folder / f"{name}.csv" for name in summary.TABLES}
    summary.summarise(paths, methods, out=out, seed=0, confidence=0.9, **options)
    return {name: summary.TABLES[name].read(path) for name, path in out.items()}


def of_auc(table):
    return table[table["metric"].eq("roc_auc")]


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    folder = tmp_path_factory.mktemp("summary")
    paths = []
    for protocol, repeats in (("paper", [0]), ("fixed", [0, 1])):
        parts = [
            scores_of(method, protocol, repeat, c).assign(
                protocol=protocol,
                method=method,
                train=train,
                repeat=repeat,
                **{"class": c},
            )
            for method in METHODS
            for train in ("a", "b")
            for repeat in repeats
            for c in ("cello", "flute")
        ]
        rows = pd.concat(parts, ignore_index=True)
        rows = rows.assign(model="m", condition="clean", scope="global", test="b")
        paths.append(folder / f"{protocol}.parquet")
        paired(rows.assign(fold=0)).to_parquet(paths[-1])
    options = {"n_resamples": 300, "rope": 0.01, "study": STUDY}
    found = of_auc(summarised(paths, METHODS, folder, **options)["summary"])
    return found[found["train"].eq("a")].set_index(KEYS)


def test_classes_and_repeats_are_averaged_and_protocols_kept_apart(table):
    # fixed: 6 of 10 pairs, 5 in the second repeat, one less for the flute.
    means = table["value"].groupby(["protocol", "method"]).first()
    assert means["fixed", "none"] == pytest.approx((6 + 5 + 5 + 4) / 40)
    assert means["fixed", "k"] == pytest.approx((7 + 6 + 6 + 5) / 40)
    assert means["fixed", "klda"] == pytest.approx((10 + 9 + 9 + 8) / 40)
    # paper: one repeat, two pairs less.
    assert means["paper", "none"] == pytest.approx((4 + 3) / 20)


def test_kernel_methods_are_compared_with_none_and_with_their_kernel(table):
    pairs = list(table.loc["fixed"].index)
    assert pairs == [("none", ""), ("k", "none"), ("klda", "none"), ("klda", "k")]
    change = table["change"]
    assert change["fixed", "klda", "none"] == pytest.approx(0.4)
    assert change["fixed", "klda", "k"] == pytest.approx(0.3)
    assert np.isnan(change["fixed", "none", ""])


def test_holm_counts_the_comparisons_with_one_reference(table):
    own = table.loc["fixed"]
    against_none = own.loc[[("k", "none"), ("klda", "none")]]
    smaller = against_none["p_value"].min()
    assert against_none["p_holm"].min() == pytest.approx(2 * smaller, rel=1e-4)
    alone = own.loc["klda", "k"]
    assert alone["p_holm"] == alone["p_value"]
    # The whole table has more comparisons than one direction has.
    assert (own["p_holm_all"].dropna() >= own["p_holm"].dropna()).all()
    assert own["p_holm_all"].gt(own["p_holm"]).any()


def test_equal_changes_of_all_classes_have_no_t_and_a_narrow_interval(table):
    row = table.loc["fixed", "klda", "none"]
    assert np.isnan(row["t"])  # 0.4 for both: no spread to test against
    ends = row[["change_low_classes", "change_high_classes"]]
    # Drawing classes adds nothing where all classes change alike on average.
    assert ends.iloc[0] <= 0.4 <= ends.iloc[1]


def test_a_large_sure_gain_is_worth_it(table):
    row = table.loc["fixed", "klda", "none"]
    assert row["change_low"] > 0.01
    assert row["verdict"] == "worth it"
    assert table.loc["fixed", "none", ""]["verdict"] == ""


def test_what_remains_of_a_gap_is_measured_from_the_uncorrected_classifier(
    tmp_path,
):
    """A method that harms both classifiers alike closes nothing."""
    parts = [
        scores_of(method, "fixed", 0, "cello").assign(method=own, train=train)
        for own, train, method in [
            *(("none", "b", "klda"), ("none", "a", "none")),
            *(("bad", "b", "none"), ("bad", "a", "none")),
        ]
    ]
    rows = pd.concat(parts, ignore_index=True).assign(test="b", scope="classwise")
    rows = rows.assign(protocol="fixed", model="m", condition="clean")
    rows = rows.assign(repeat=0, fold=0, **{"class": "cello"})
    paired(rows).to_parquet(tmp_path / "clips")
    methods = {"none": {"plugin": "none"}, "bad": {"plugin": "lda"}}
    tables = summarised([tmp_path / "clips"], methods, tmp_path, n_resamples=300)
    gaps = of_auc(tables["gaps"]).set_index("method")
    plain, bad = gaps.loc["none"], gaps.loc["bad"]
    assert plain["gap"] == pytest.approx(0.4)
    assert plain["remaining"] == plain["gap"]
    assert (bad["gap"], bad["gap_low"], bad["gap_high"]) == (0, 0, 0)
    ends = ["remaining", "remaining_low", "remaining_high"]
    assert list(bad[ends]) == list(plain[ends])
    assert bad["remaining_low"] > 0
    assert bad["p_remaining"] == plain["p_value"] < 0.05
    assert (bad["gain"], bad["p_gain"]) == (0, 1)
    # It is as bad across as no method, of whose gap it recovers nothing.
    shares = ["recovered", "recovered_low", "recovered_high"]
    assert list(bad[shares]) == [0, 0, 0]
    assert plain[shares].isna().all()


def test_what_is_recovered_is_a_share_of_the_uncorrected_gap(tmp_path):
    """Of ten pairs, none loses four across; klda wins all back, k one of them."""
    parts = [
        scores_of(ordered, "fixed", 0, "cello").assign(method=method, train=train)
        for method, train, ordered in [
            *(("none", "b", "klda"), ("none", "a", "none")),
            *(("klda", "b", "k"), ("klda", "a", "klda")),
            *(("k", "b", "klda"), ("k", "a", "k")),
        ]
    ]
    rows = pd.concat(parts, ignore_index=True).assign(test="b", scope="global")
    rows = rows.assign(protocol="fixed", model="m", condition="clean")
    rows = rows.assign(repeat=0, fold=0, **{"class": "cello"})
    paired(rows).to_parquet(tmp_path / "clips")
    tables = summarised([tmp_path / "clips"], METHODS, tmp_path, n_resamples=300)
    gaps = of_auc(tables["gaps"]).set_index("method")
    share = gaps["recovered"]
    assert share["klda"] == pytest.approx(1)
    assert share["k"] == pytest.approx(0.25, abs=1e-6)
    low, high = gaps.loc["k", ["recovered_low", "recovered_high"]]
    assert 0 < low < 0.25 < high < 1
    assert gaps.loc["k", "remaining"] == pytest.approx(0.75 * gaps.loc["none", "gap"])
    # Gains are of equal training, and corrected for there being two.
    gain = gaps["gain"] / gaps.loc["none", "gap"]
    assert_allclose(gain[["k", "klda"]], [0.25, 1], atol=1e-6)
    assert gaps["p_gain"].between(0, 1e-3).sum() == 2
    for name in ("k", "klda"):
        low, high = gaps.loc[name, ["gain_low", "gain_high"]]
        assert 0 < low < gaps.loc[name, "gain"] < high
    held = holm(gaps.loc[["k", "klda"], "p_gain"].to_numpy())
    assert_allclose(gaps.loc[["k", "klda"], "p_gain_holm"], held, rtol=1e-5)
    assert gaps.loc["none", ["gain", "p_gain", "p_gain_holm"]].isna().all()
    # One gap of each correction.
    assert_allclose(gaps["p_remaining_holm"], gaps["p_remaining"])


@pytest.fixture(scope="module")
def scoped(tmp_path_factory):
    """Two scopes, of which `klda` alone depends on them; without balanced draws."""
    folder = tmp_path_factory.mktemp("scoped")
    parts = [
        scores_of(method, "fixed", repeat, "cello").assign(
            method=method, scope=scope, train=train
        )
        for method in METHODS
        for scope, repeat in (("global", 0), ("classwise", int(method == "klda")))
        for train in ("a", "b")
    ]
    rows = pd.concat(parts, ignore_index=True)
    rows = rows.assign(protocol="fixed", model="m", condition="clean", test="b")
    rows = rows.assign(repeat=0, fold=0, **{"class": "cello"})
    paired(rows).to_parquet(folder / "clips")
    tables = summarised([folder / "clips"], METHODS, folder, n_resamples=300)
    return {name: of_auc(tables[name]) for name in ("summary", "gaps")}


def test_methods_that_are_the_same_in_all_scopes_count_once(scoped):
    summary, gaps = scoped["summary"], scoped["gaps"]
    for table in (summary, gaps):
        scopes = table.groupby("method")["scope"].agg(lambda own: sorted(set(own)))
        assert scopes["none"] == scopes["k"] == ["global"]
        assert scopes["klda"] == ["classwise", "global"]
    own = summary[summary["train"].eq("a") & summary["reference"].eq("none")]
    assert len(own) == 3  # k once, klda in two scopes: what Holm corrects for
    assert own["p_holm"].min() == pytest.approx(3 * own["p_value"].min(), rel=1e-4)
    # And yet klda of either scope is compared with the kernel alone.
    assert set(summary.loc[summary["reference"].eq("k"), "scope"]) == {
        "global",
        "classwise",
    }


def test_the_protocol_decides_what_a_kernel_sees(table):
    assert table["access"]["paper", "k", "none"] == "target_labelled"
    assert table["access"]["fixed", "k", "none"] == "none"
    assert table["access"]["fixed", "klda", "none"] == "target_unlabelled"
    assert table["access"]["paper", "none", ""] == "none"


#: Method, scope, protocol, draw of `fixed` -> what it sees of the target.
SEEN = {
    ("none", "classwise", "paper", "joint"): "none",
    ("none", "classwise", "fixed", "joint"): "none",
    ("k", "global", "fixed", "joint"): "none",
    ("k", "global", "paper", "none"): "target_labelled",  # its width is that of both
    ("lda", "global", "fixed", "none"): "target_unlabelled",
    ("lda", "classwise", "fixed", "none"): "target_labelled",
    ("lda", "global", "fixed", "joint"): "target_labelled",  # clips drawn by label
    ("mean_projection", "global", "fixed", "paper"): "target_labelled",
    ("adapt", "classwise", "fixed", "none"): "target_unlabelled",  # as in global
    ("lda", "global", "paper", "none"): "target_labelled",
    ("random_projection", "classwise", "fixed", "joint"): "none",
    ("class_onehot", "classwise", "fixed", "joint"): "oracle",
    ("shuffle_all", "global", "fixed", "none"): "oracle",
}


@pytest.mark.parametrize("cell", SEEN)
def test_what_a_method_sees_is_told_draws_and_kernels_included(cell):
    method, scope, protocol, balance = cell
    own = Method.of(method, {"plugin": method})
    seen = access.access_of(
        own, scope, protocol=STUDY.protocol(protocol), balance=balance
    )
    assert seen == SEEN[cell]


#: Methods of an experiment -> what each is compared with.
COMPARED = {
    "by another name": (
        {"my_k": {"plugin": "k"}, "my_klda": {"plugin": "klda"}},
        {"my_k": ("none",), "my_klda": ("none", "my_k")},
    ),
    "with the same kernel": (
        {
            "k": {"plugin": "k"},
            "narrow": {"plugin": "k", "n_components": 2},
            "klda": {"plugin": "klda", "shrinkage": 0.1},
            "klda2": {"plugin": "klda", "n_components": 2},
            "klda3": {"plugin": "klda", "seed": 1},
        },
        {
            "k": ("none",),
            "narrow": ("none",),
            "klda": ("none", "k"),
            "klda2": ("none", "narrow"),
            "klda3": ("none",),
        },
    ),
    "with a default that is written down": (
        {"k": {"plugin": "k", "seed": 42}, "mklda": {"plugin": "mklda"}},
        {"k": ("none",), "mklda": ("none", "k")},
    ),
    "with the first of several that are the same": (
        {"one": {"plugin": "k"}, "two": {"plugin": "k"}, "x": {"plugin": "klda"}},
        {"one": ("none",), "two": ("none",), "x": ("none", "one")},
    ),
    "whose name is that of another plugin": (
        {"klda": {"plugin": "lda"}, "k": {"plugin": "mean_projection"}},
        {"klda": ("none",), "k": ("none",)},
    ),
}


@pytest.mark.parametrize("case", COMPARED)
def test_a_method_is_compared_with_what_its_plugin_says(case):
    entries, expected = COMPARED[case]
    methods = {"none": {"plugin": "none"}} | entries
    by_name = Method.of_all(methods)
    found = {name: access.references(name, by_name) for name in methods}
    assert found == {"none": ()} | expected


def test_a_users_own_method_says_what_it_is_compared_with(tmp_path):
    file = tmp_path / "own.py"
    text = "version, access = 1, 'none'\ndef make(): return None\n"
    file.write_text(text + "compared_with = ('none', 'lda')\n")
    methods = {
        "none": {"plugin": "none"},
        "shrunk": {"plugin": "lda", "shrinkage": 0.3},
        "own": {"plugin": str(file)},
    }
    assert access.references("own", Method.of_all(methods)) == ("none", "shrunk")
    file.write_text(text + "compared_with = ('none', 'ldaa')\n")
    with pytest.raises(ConfigError, match=r"compared_with = \('none', 'ldaa'\)"):
        access.references("own", Method.of_all(methods))


def test_a_class_that_one_sample_cannot_train_is_left_out_of_its_gap(tmp_path, caplog):
    """Of two classes one has no equal sample across: the other alone is compared."""
    parts = [
        scores_of(method, "fixed", 0, c).assign(train=train, **{"class": c})
        for train, method in (("b", "klda"), ("a", "none"))
        for c in ("cello", "flute")
    ]
    rows = pd.concat(parts, ignore_index=True).assign(test="b", scope="global", fold=0)
    rows = rows.assign(protocol="fixed", model="m", condition="clean", repeat=0)
    rows = paired(rows.assign(method="none"))
    lacking = rows["sample"].eq("equal") & rows["train"].eq("a")
    rows[~(lacking & rows["class"].eq("flute"))].to_parquet(tmp_path / "clips")
    methods = {"none": {"plugin": "none"}}
    tables = summarised([tmp_path / "clips"], methods, tmp_path, n_resamples=200)
    gap = of_auc(tables["gaps"]).iloc[0]
    assert gap["n_classes"] == 1
    assert gap["gap"] == pytest.approx(0.4)
    assert gap["across"] == pytest.approx(0.6)
    assert of_auc(tables["summary"])["n_classes"].eq(2).all()
    assert "too few clips to train flute" in caplog.text
