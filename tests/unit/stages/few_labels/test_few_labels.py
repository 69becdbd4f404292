"""Stage 5, few labels: on the two datasets with a planted shift."""

import numpy as np
import pandas as pd
import pytest

from earshift.numerics.estimates import Estimate, crossing
from earshift.stages.few_labels import scoring, summary
from earshift.tables import LABEL_CURVES, LABEL_VALUES
from tests.helpers.two_domains import run, write_two_domains

METHODS = {name: {"plugin": name} for name in ("none", "adapt")}
OPTIONS = {
    "methods": list(METHODS),
    "numbers": [1, 4],
    "choices": ["random", "uncertainty"],
    "ways": ["balanced"],
}
CLIP = ["method", "train", "test", "class", "repeat", "fold", "clip_id"]


def scored(folder, entries, name="labels", **changes):
    out = folder / f"{name}.parquet"
    options = {"options": OPTIONS, "methods": METHODS} | changes
    scoring.score_few_labels(
        model="m",
        condition="clean",
        entries=entries,
        classes=folder / "classes.csv",
        classifier={"plugin": "logistic", "C": [0.01, 1.0], "n_inner_folds": 3},
        seed=0,
        n_workers=0,
        parts=folder / "label_parts",
        clip_scores=out,
        **options,
    )
    return pd.read_parquet(out)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("few_labels")


@pytest.fixture(scope="module")
def entries(folder):
    return write_two_domains(folder, 24)


@pytest.fixture(scope="module")
def rows(folder, entries):
    return scored(folder, entries)


def test_without_labels_scores_are_those_of_the_stage_of_scores(folder, entries, rows):
    plain, _ = run(folder, entries, methods=METHODS)
    plain = plain[plain["train"] != plain["test"]].set_index(CLIP)["score"]
    alone = rows[rows["sample"] == scoring.SOURCE].set_index(CLIP)["score"]
    assert len(alone) == len(plain)
    np.testing.assert_allclose(alone, plain.loc[alone.index], rtol=1e-9)


def test_every_sample_scores_the_same_clips_across_alone(rows):
    assert (rows["train"] != rows["test"]).all()
    assert not rows.duplicated([*CLIP, "sample"]).any()
    sizes = rows.groupby(["method", "train", "sample"]).size().unstack("sample")
    assert sizes.shape[1] == 1 + 2 * 2
    assert (sizes.nunique(axis=1) == 1).all()


def test_labelled_clips_are_as_many_as_were_asked_for(rows):
    plain = rows[(rows["method"] == "none") & (rows["class"] == "c0")]
    positive = plain.groupby(["train", "repeat", "fold", "sample"])["n_train_positive"]
    positive = positive.first().unstack("sample")
    more = positive.sub(positive[scoring.SOURCE], axis=0)
    # A clip of class c1 may also have c0: at least as many.
    assert more["balanced random 4"].ge(4).all()
    assert more["balanced random 1"].between(1, 2).all()
    # Those that the classifiers waver at are of any class.
    total = plain.groupby(["train", "repeat", "fold", "sample"])["n_train"].first()
    total = total.unstack("sample").sub(total.unstack("sample")["source"], axis=0)
    assert total["balanced uncertainty 4"].le(8).all()
    assert total["balanced uncertainty 4"].gt(2).all()


def test_a_clip_that_is_tested_is_never_labelled(folder, entries):
    """With all labels, what is known of a tested clip's class is what others tell."""
    options = OPTIONS | {"numbers": [500], "choices": ["random"], "methods": ["none"]}
    rows = scored(folder, entries, "all", options=options)
    table = pd.read_parquet(entries[1]["labels"])
    own = table["label:c0"].notna()
    whole = rows[rows["test"].eq("b") & rows["class"].eq("c0")]
    whole = whole[whole["sample"] == "balanced random 500"]
    of_source = rows[rows["test"].eq("b") & rows["class"].eq("c0")]
    of_source = of_source[of_source["sample"] == scoring.SOURCE]
    labelled = (
        whole.groupby(["repeat", "fold"])["n_train"].first()
        - of_source.groupby(["repeat", "fold"])["n_train"].first()
    )
    tested = whole.groupby(["repeat", "fold"])["clip_id"].nunique()
    has_class = table[["label:c0", "label:c1"]].eq(True).any(axis=1)
    assert (labelled + tested).max() <= own.sum()
    assert labelled.max() <= (own & has_class).sum()
    assert labelled.min() > 0


@pytest.mark.usefixtures("rows")
def test_labels_mend_what_the_shift_does_to_decisions(folder):
    summary.summarise_few_labels(
        [folder / "labels.parquet"],
        n_resamples=99,
        confidence=0.95,
        seed=0,
        curves=folder / "curves.csv",
        values=folder / "values.csv",
    )
    curves = LABEL_CURVES.read(folder / "curves.csv")
    assert curves["n_classes"].eq(2).all()
    plain = curves[curves["metric"].eq("balanced_accuracy")]
    plain = plain[plain["method"].eq("none") & plain["choice"].eq("random")]
    by_number = plain.groupby("n_labels")["value"].mean()
    assert by_number[4] > by_number[0] + 0.05
    assert plain.loc[plain["n_labels"].eq(4), "change_low"].gt(0).all()
    assert plain.loc[plain["n_labels"].eq(0), "change"].isna().all()
    worth = LABEL_VALUES.read(folder / "values.csv")
    assert set(worth["method"]) == {"adapt"}
    assert set(worth["most"]) == {4}
    assert (worth["value_low"] <= worth["value"]).all()
    assert (worth["value"] <= worth["value_high"]).all()
    # The shift is a translation: what removes it is worth labels.
    own = worth[worth["choice"].eq("random")]
    assert own.loc[own["metric"].eq("balanced_accuracy"), "value"].gt(0).all()


def known(value, se=0.02):
    return Estimate(value, [(se**2, 1e9)])


@pytest.mark.parametrize(
    ("ahead", "expected"),
    [
        # -.2 at none, +.2 at 10: nothing between them at 5; the ends .04 to each side.
        ({0: -0.2, 10: 0.2}, (5, 4.02, 5.98)),
        ({0: -0.2, 1: -0.1, 5: 0.1}, (3, 2.216, 3.784)),
        # Worse than no labels: worth none.
        ({0: 0.2, 10: 0.3}, (0, 0, 0)),
        ({0: -0.3, 10: -0.2}, (np.inf, np.inf, np.inf)),
        # Better at 2 by chance, and not at 5: certain only from there on.
        ({0: -0.2, 2: 0.1, 5: 0.0, 9: 0.2}, (4 / 3, 1.0720, 5 + 4 * 0.0392 / 0.2)),
        ({0: np.nan, 10: 0.1}, (np.nan, np.nan, np.nan)),
    ],
)
def test_a_correction_is_worth_the_labels_that_do_as_well(ahead, expected):
    found = crossing({n: known(v) for n, v in ahead.items()}, 0.05)
    np.testing.assert_allclose(found, expected, rtol=1e-3)
