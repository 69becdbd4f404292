"""No method brings into a score what its clip's fold may not see."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from earshift import registry, store
from earshift.debias import Method
from tests.helpers.two_domains import entries_in, run, write_two_domains

ALL = registry.names("debias")

#: Controls give tested clips away by their labels: their classifiers alone must stay.
REPLACING = [n for n in ALL if Method.of(n, {"plugin": n}).replaces]
NAMES = [n for n in ALL if n not in REPLACING]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """Two small datasets with subgroups, and their classes."""
    folder = tmp_path_factory.mktemp("undisturbed")
    for entry in write_two_domains(folder, n_recordings=24):
        table = pd.read_parquet(entry["labels"])
        table["subgroup"] = np.where(np.arange(len(table)) % 4 < 2, "p", "q")
        table.to_parquet(entry["labels"])
    return folder


@pytest.fixture
def entries(undisturbed, tmp_path):
    """A copy of the datasets, to be changed."""
    ignored = shutil.ignore_patterns("scores")
    shutil.copytree(undisturbed, tmp_path, dirs_exist_ok=True, ignore=ignored)
    return entries_in(tmp_path)


def scored(tmp_path, entries, name):
    """Scores of a method in both scopes, by fold of the first repeat."""
    scopes = ["global", "classwise"]
    methods = {name: {"plugin": name}}
    rows, _ = run(tmp_path, entries, methods=methods, scopes=scopes)
    keys = ["scope", "train", "test", "class", "clip_id"]
    rows = rows[rows["repeat"] == 0]
    return {
        fold: part.set_index(keys)["score"].sort_index()
        for fold, part in rows.groupby("fold")
    }


def clips_of_fold(entry, fold):
    """Ids of the clips that test in a fold of the first repeat."""
    splits = pd.read_parquet(entry["splits"])
    return splits[splits["repeat"].eq(0) & splits["fold"].eq(fold)]["clip_id"]


@pytest.fixture(scope="module", params=NAMES)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def before(undisturbed, name):
    """What the method scores before anything is changed."""
    return scored(undisturbed, entries_in(undisturbed), name)


def test_no_clip_is_scored_by_a_classifier_that_saw_its_recording(
    tmp_path, entries, name, before
):
    """Labels of a test fold may be anything: its scores must not move."""
    table = pd.read_parquet(entries[0]["labels"])
    flip = table["clip_id"].isin(clips_of_fold(entries[0], 1))
    table.loc[flip, "label:c0"] = ~table.loc[flip, "label:c0"]
    table.to_parquet(entries[0]["labels"])
    after = scored(tmp_path, entries, name)
    pd.testing.assert_series_equal(before[1], after[1])
    assert not before[0].equals(after[0])


def test_features_of_clips_that_test_move_no_other_score(
    tmp_path, entries, name, before
):
    X, ids = store.read_features(Path(entries[0]["features"]))
    rows = np.isin(ids, clips_of_fold(entries[0], 1))
    X[rows] = 3 * X[rows, ::-1] + 1
    store.write_features(Path(entries[0]["features"]), [X], ids, 12, {})
    after = scored(tmp_path, entries, name)
    of_b = before[1].index.get_level_values("test") == "b"
    assert of_b.sum() >= 50
    # But for the last bits, which may depend on what else is in a block.
    pd.testing.assert_series_equal(before[1][of_b], after[1][of_b], atol=1e-9)
    assert not np.allclose(before[1][~of_b], after[1][~of_b])
    assert not np.allclose(before[0], after[0])


def classifiers_of(tmp_path, entries, name, fold):
    """Scores, and the classifiers of a control in a fold of the first repeat."""
    rows = scored(tmp_path, entries, name)[fold]
    table = pd.read_parquet(tmp_path / "scores" / "directions.parquet")
    own = table["kind"].eq("class") & table["repeat"].eq(0) & table["fold"].eq(fold)
    fits = table[own].itertuples()
    return rows, [(fit.train, fit[8], fit.C, *fit.vector) for fit in fits]


@pytest.mark.parametrize("name", REPLACING)
def test_what_is_tested_moves_no_classifier_of_a_control(tmp_path, entries, name):
    """Of those that know the labels of tested clips, which must not train."""
    before, trained = classifiers_of(tmp_path, entries, name, 1)
    table = pd.read_parquet(entries[0]["labels"])
    tested = clips_of_fold(entries[0], 1)
    flip = table["clip_id"].isin(tested)
    table.loc[flip, "label:c0"] = ~table.loc[flip, "label:c0"]
    table.to_parquet(entries[0]["labels"])
    X, ids = store.read_features(Path(entries[0]["features"]))
    X[np.isin(ids, tested)] = 3 * X[np.isin(ids, tested), ::-1] + 1
    store.write_features(Path(entries[0]["features"]), [X], ids, 12, {})
    after, again = classifiers_of(tmp_path, entries, name, 1)
    assert len(trained) == 2 * 2 * 2
    assert trained == again
    assert not np.allclose(before, after)
