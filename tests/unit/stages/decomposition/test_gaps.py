"""Stage 5, decomposition: on the two datasets with a planted shift."""

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from earshift import decompose, store
from earshift.evaluation.domains import UNKNOWN
from earshift.stages.decomposition import gaps, summary
from earshift.stages.decomposition.rows import COLUMNS
from earshift.stages.scores import inputs
from earshift.stages.splits.classes import read_classes
from earshift.tables import DECOMPOSITION, DECOMPOSITION_CHECKS
from tests.helpers.two_domains import SHIFT, write_two_domains

METRIC = {"metric": "balanced_accuracy"}
OPTIONS = {"methods": ["none", "standardise"]} | METRIC
STATISTICS = {"n_refits": 4, "n_resamples": 199, "confidence": 0.95}
QUICK = STATISTICS | {"n_refits": 0}
WORDS = ["of", "method", "term", "class", "reason"]


def decomposed(folder, entries, name="d", **changes):
    """The table that the stage makes, and that of its checks."""
    options = {
        "options": OPTIONS | {"n_labels": 2},
        "methods": {name: {"plugin": name} for name in OPTIONS["methods"]},
        "splits": {"n_folds": 3, "n_repeats": 2},
        "statistics": STATISTICS,
    } | changes
    files = {key: folder / f"{name}.{key}.parquet" for key in ("gaps", "checks")}
    gaps.decompose_gaps(
        model="m",
        condition="clean",
        entries=entries,
        classes=folder / "classes.csv",
        classifier={"plugin": "logistic", "C": [0.01, 1.0], "n_inner_folds": 3},
        seed=0,
        n_workers=0,
        parts=folder / f"{name}.parts",
        **files,
        **options,
    )
    out = [folder / f"{name}.csv", folder / f"{name}_checks.csv"]
    summary.gather_decompositions(
        [files["gaps"]], [files["checks"]], out=out[0], out_checks=out[1]
    )
    return DECOMPOSITION.read(out[0]), DECOMPOSITION_CHECKS.read(out[1])


def official(folder, entries):
    """The same datasets with splits of which one fold alone is tested."""
    out = []
    for entry in entries:
        splits = pd.read_parquet(entry["splits"])
        file = folder / f"{entry['name']}.official.parquet"
        splits[splits["fold"].eq(0)].to_parquet(file)
        out.append(entry | {"splits": str(file)})
    return out


def terms(table, train, of="gap"):
    """Means over classes of the terms of a direction, by method and term."""
    own = table[table["train"].eq(train) & table["of"].eq(of) & table["class"].eq("")]
    return own.set_index(["method", "term"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("decomposition")


@pytest.fixture(scope="module")
def entries(folder):
    return write_two_domains(folder, 24)


@pytest.fixture(scope="module")
def found(folder, entries):
    return decomposed(folder, entries)


def test_a_planted_translation_is_removed_by_standardising(found):
    table, _ = found
    for train in ("a", "b"):
        gap = terms(table, train)
        value = gap["value"]
        assert gap["low"]["", "gap"] > 0
        assert gap["low"]["standardise", "removed"] > 0
        assert value["standardise", "removed"] > 0.7 * value["", "gap"]
        assert gap["low"]["", "left"] < 0 < gap["high"]["", "left"]
        parts = value.drop(("", "gap")).sum()
        assert parts == pytest.approx(value["", "gap"], abs=1e-5)
        assert ("standardise", "removed_by_labels") in gap.index
    assert set(table["n_labels"]) == {2}
    assert set(table["protocol"]) == {"fixed"}


def test_a_loss_has_its_terms_before_and_after_and_what_it_was_weighed_by(found):
    table, checks = found
    loss = terms(table, "a", "loss")
    for method in OPTIONS["methods"]:
        own = loss.loc[method]["value"]
        assert own.drop("loss").sum() == pytest.approx(own["loss"], abs=1e-5)
    assert "no subgroups are known" in set(loss["reason"])
    numbers = table[["value", "low", "high"]].to_numpy()
    assert not ((numbers != 0) & (np.abs(numbers) < 1e-9)).any()
    own = checks.set_index(["train", "method"])
    assert own["domain_auc"]["a", "none"] > 0.9
    assert own["domain_auc"]["a", "standardise"] < 0.7
    assert list(own.index) == [(d, m) for d in ("a", "b") for m in OPTIONS["methods"]]


def test_a_direction_that_is_done_is_not_done_again(folder, entries, found):
    first, *others = sorted((folder / "d.parts").glob("*.terms.parquet"))
    assert len(others) == 1
    kept = sorted((folder / "d.parts").glob(f"{others[0].name[:8]}*"))
    written = [file.stat().st_mtime_ns for file in kept]
    first.unlink()
    (folder / "d.csv").unlink()
    again = decomposed(folder, entries)
    for table, before in zip(again, found, strict=True):
        assert_frame_equal(table, before)
    assert first.exists()
    assert len(kept) == 2
    assert [file.stat().st_mtime_ns for file in kept] == written


def test_where_splits_test_not_every_clip_it_is_what_the_function_finds(
    folder, entries
):
    splits = {"n_folds": 3, "n_repeats": 1}
    table, _ = decomposed(
        *(folder, official(folder, entries), "official"),
        splits=splits,
        statistics=QUICK,
    )
    domains = inputs.load_all(entries, read_classes(folder / "classes.csv"))
    labels = np.concatenate([d.labels for d in domains]).astype(float)
    labels[labels == UNKNOWN] = np.nan
    own = decompose(
        np.concatenate([d.X for d in domains]),
        labels,
        np.concatenate([np.full(len(d.X), d.name) for d in domains]),
        source="b",
        target="a",
        recordings=np.concatenate([d.recording for d in domains]),
        classes=read_classes(folder / "classes.csv"),
        **OPTIONS | QUICK | splits,
        n_labels=2,
        C=[0.01, 1.0],
    ).table
    same = table.loc[table["train"].eq("b"), list(COLUMNS)].reset_index(drop=True)
    assert same[WORDS].equals(own[WORDS])
    numbers = own.columns.drop(WORDS)
    np.testing.assert_allclose(
        same[numbers].to_numpy(float),
        own[numbers].to_numpy(float),
        rtol=1e-5,
        atol=1e-9,
    )


def test_a_method_behind_a_front_gets_its_features_of_the_clips_that_both_have(
    folder, entries
):
    fronts = []
    for entry in entries:
        X, ids = store.read_features(entry["features"])
        X = X[1:] - (SHIFT if entry["name"] == "b" else 0)
        file = folder / f"{entry['name']}.front.zarr"
        store.write_features(file, [X.astype(np.float32)], list(ids[1:]), 12, {})
        fronts.append(entry | {"fronts": {"mended": str(file)}})
    methods = {"none": {"plugin": "none"}}
    methods["front"] = {"plugin": "none", "front": "mended"}
    table, _ = decomposed(
        folder,
        fronts,
        "front",
        methods=methods,
        options={"methods": list(methods), "n_labels": 0} | METRIC,
        statistics=QUICK,
    )
    gap = terms(table, "a")
    assert gap["low"]["front", "removed"] > 0
    assert gap["value"]["front", "removed"] > 0.7 * gap["value"]["", "gap"]
    loss = terms(table, "a", "loss").loc[("none", "loss")]
    classes = read_classes(folder / "classes.csv")
    known = [
        (domain.labels[1:] >= 0).any(axis=1).sum()
        for domain in inputs.load_all(entries, classes)
    ]
    assert loss[["n_source", "n_target"]].tolist() == known
    assert "removed_by_labels" not in set(table["term"])


def test_a_direction_without_a_class_says_why(folder, entries):
    few = {"n_folds": 30, "n_repeats": 1}
    own = official(folder, entries)
    table, checks = decomposed(folder, own, "none", splits=few)
    assert table["term"].tolist() == ["gap", "gap"]
    assert table["value"].isna().all()
    assert table["reason"].str.contains("30 folds need as many").all()
    assert checks.empty
