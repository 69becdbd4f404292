"""The scorecard of corrections, of plain arrays."""

import numpy as np
import pandas as pd
import pytest

import earshift
from earshift.errors import ConfigError, DataError
from earshift.stages.statistics import scorecard as cards
from earshift.tables import SCORECARD


def two_datasets():
    """Clips of three classes; in the second dataset some features have other units."""
    rng = np.random.default_rng(0)
    kind = np.tile([0, 1, 2], 56)
    domain = np.repeat(["ours", "theirs"], 84)
    X = rng.standard_normal((168, 6)) + 3 * np.eye(3, 6)[kind]
    X[domain == "theirs"] *= [1, 15, 1, 15, 1, 15]
    # Two clips of each recording.
    recordings = np.char.add(domain, np.repeat(np.arange(84), 2).astype(str))
    return X, np.array(["cello", "flute", "voice"])[kind], domain, recordings


@pytest.fixture(scope="module")
def card():
    return earshift.scorecard(
        *two_datasets(),
        methods={"none": {}, "per_dataset": {"plugin": "standardise"}},
        C=[0.1],
        n_folds=3,
        n_repeats=2,
        n_refits=4,
        n_resamples=199,
    )


def row_of(table, method, train):
    own = table[table["method"].eq(method) & table["train"].eq(train)]
    assert len(own) == 1
    return own.iloc[0]


def test_each_method_and_direction_has_a_row(card):
    assert list(card.table.columns) == SCORECARD.names
    assert sorted(zip(card.table["method"], card.table["train"], strict=True)) == [
        (method, train)
        for method in ("none", "per_dataset")
        for train in ("ours", "theirs")
    ]
    assert set(card.summary["metric"]) > {"brier", "log_loss", "average_precision"}
    assert set(card.discrepancy["measure"]) == {"domain_auc_linear"}


def test_what_a_correction_mends_is_seen_with_its_interval(card):
    plain, mended = (row_of(card.table, m, "ours") for m in ("none", "per_dataset"))
    assert mended["roc_auc"] - plain["roc_auc"] == pytest.approx(
        mended["roc_auc_change"], abs=1e-5
    )
    assert mended["roc_auc_change_low"] > 0.02
    assert mended["roc_auc_verdict"] == "worth it"
    assert mended["roc_auc_recovered"] == pytest.approx(1, abs=0.25)
    # Within a dataset all clips have the same units.
    assert abs(mended["roc_auc_within"]) < 0.03
    assert np.isnan(plain["harmed"])
    assert (mended["n_classes"], mended["harmed"]) == (3, 0)
    assert mended["domain_auc"] < plain["domain_auc"]
    assert (plain["roc_auc_tied"], mended["roc_auc_tied"]) == (False, True)


def test_as_text_it_says_the_verdicts(card):
    line = next(x for x in str(card).splitlines() if "per_dataset ours -> theirs" in x)
    row = row_of(card.table, "per_dataset", "ours")
    assert "{:+.3f}".format(row["roc_auc_change"]) in line
    assert "worth it" in line


X, Y, DOMAIN, RECORDINGS = two_datasets()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"X": X[:, 0]}, r"a row and domain a name for each clip.*\(168,\)"),
        ({"domain": DOMAIN[1:]}, r"\(168, 6\) and \(167,\)"),
        ({"domain": np.full(168, "a")}, r"2 datasets or more, got \['a'\]"),
        ({"recordings": RECORDINGS[:3]}, r"each of 168 clips.*\(3,\)"),
        ({"X": np.where(np.arange(6) == 2, np.nan, X)}, "nan for clip 0, feature 2"),
        ({"y": Y[:5]}, r"each of 168 clips.*got shape \(5,\)"),
        ({"y": np.full((168, 2), 3)}, r"1 \(present\), 0 \(absent\)"),
        ({"y": np.ones((168, 2)), "classes": ["a"]}, "must name 2 columns.*got 1"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(changes, message):
    given = {"X": X, "y": Y, "domain": DOMAIN, "recordings": RECORDINGS} | changes
    with pytest.raises(DataError, match=message):
        earshift.scorecard(**given)


def test_an_unknown_method_or_option_is_refused():
    with pytest.raises(ConfigError, match="Did you mean 'lda'"):
        earshift.scorecard(X, Y, DOMAIN, methods=["ldaa"])
    with pytest.raises((ConfigError, TypeError), match="shrinkag"):
        earshift.scorecard(X, Y, DOMAIN, methods={"lda": {"shrinkag": 0.1}})


def points(**rows):
    """A card of one direction: changes across and within, and access, by method."""
    table = pd.DataFrame.from_dict(
        rows, orient="index", columns=["across", "within", "access"]
    )
    for metric in cards.METRICS:
        table[f"{metric}_change"] = table["across"]
        table[f"{metric}_within"] = table["within"]
    return table


def test_a_method_is_beaten_by_one_that_is_better_and_asks_no_more():
    table = points(
        none=(np.nan, np.nan, "none"),
        harmful=(-0.1, -0.1, "none"),
        best_across=(0.2, -0.01, "target_unlabelled"),
        same_with_labels=(0.2, -0.01, "target_labelled"),
        harmless=(0.05, 0.0, "target_unlabelled"),
        worse=(0.04, 0.0, "target_unlabelled"),
    )
    found = cards.unbeaten(table)
    assert found[found].index.tolist() == ["none", "best_across", "harmless"]
