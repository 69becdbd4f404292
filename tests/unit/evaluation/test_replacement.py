"""Clips of a split as controls replace them: each side by itself."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from earshift import registry
from earshift.debias import Method
from earshift.evaluation import samples
from earshift.evaluation.replacement import replaced_clips
from earshift.evaluation.views import Split
from earshift.stages.scores import inputs
from tests.helpers.two_domains import balanced, write_two_domains

SHUFFLES = [n for n in registry.names("debias") if n.startswith("shuffle_")]


@pytest.fixture(scope="module")
def entries(tmp_path_factory):
    """Two datasets, and their classes."""
    return write_two_domains(tmp_path_factory.mktemp("two"), n_recordings=30)


def split_of(entries, repeat=0, fold=0, c=None):
    return Split(inputs.load_all(entries, ["c0", "c1"]), repeat, fold, c)


def method_of(name, **options):
    return Method.of(name, {"plugin": name, **options})


def numbers(split):
    """A number for each used clip, as its only feature, and its side."""
    sizes = [int(used.sum()) for used in split.used]
    X = np.split(np.arange(sum(sizes), dtype=float)[:, None], np.cumsum(sizes)[:-1])
    trains = [split.rows(i, own) for i, own in enumerate(split.train)]
    return X, trains


def donors(split, name, c=None, counts=None, **options):
    X, _ = numbers(split)
    out = replaced_clips(split, X, method_of(name, **options), c, counts)
    return np.concatenate(out)[:, 0].astype(int)


@pytest.mark.parametrize("c", [None, 1])
@pytest.mark.parametrize("name", SHUFFLES)
def test_training_and_tested_clips_never_exchange_features(entries, name, c):
    split = split_of(entries)
    train = np.concatenate(numbers(split)[1])
    assert min(train.sum(), (~train).sum()) > 30
    donor = donors(split, name, c)
    assert_array_equal(train[donor], train)
    assert_array_equal(np.sort(donor), np.arange(len(train)))
    assert (donor != np.arange(len(train))).mean() > 0.5


@pytest.mark.parametrize("name", SHUFFLES)
def test_nor_do_they_where_training_is_balanced(tmp_path, entries, name):
    drawn = [e | {"draws": str(balanced(tmp_path, entries))} for e in entries]
    split = split_of(drawn, c=1)
    train = np.concatenate(numbers(split)[1])
    assert_array_equal(train[donors(split, name, 1)], train)


def test_a_class_has_clips_of_its_label_alone(entries):
    split = split_of(entries)
    labels = np.concatenate(
        [d.labels[used] for d, used in zip(split.domains, split.used, strict=True)]
    )
    dataset = np.repeat([0, 1], [used.sum() for used in split.used])
    for c in (0, 1):
        donor = donors(split, "shuffle_within_class", c)
        assert_array_equal(labels[donor, c], labels[:, c])
        assert (labels[donor, 1 - c] != labels[:, 1 - c]).any()
        # Half of the clips of either dataset have features of the other.
        assert 0.3 < (dataset[donor] != dataset).mean() < 0.7
    donor = donors(split, "shuffle_within_class")
    assert_array_equal(labels[donor], labels)


@pytest.mark.parametrize("name", ["shuffle_all", "shuffle_within_domain"])
def test_classes_and_sources_see_the_same_clips(entries, name):
    split = split_of(entries)
    assert_array_equal(donors(split, name, 0), donors(split, name, 1))
    views = [split.view(source, method_of(name), 0) for source in (0, 1)]
    spaces = [split.space(source) for source in (0, 1)]
    places = []
    for view, space in zip(views, spaces, strict=True):
        before, after = np.concatenate(space.X), np.concatenate(view.space.X)
        where = {row.tobytes(): i for i, row in enumerate(before)}
        places.append([where[row.tobytes()] for row in after])
    assert_array_equal(*places)
    assert_array_equal(places[0], donors(split, name, 0))


def test_seed_and_fold_decide_what_is_drawn(entries):
    split = split_of(entries)
    one = donors(split, "shuffle_all", seed=1)
    assert_array_equal(one, donors(split_of(entries), "shuffle_all", seed=1))
    assert (one != donors(split, "shuffle_all", seed=2)).mean() > 0.9
    X, _ = numbers(split)
    again = replaced_clips(split, X, method_of("shuffle_all", seed=1).redrawn(1))
    assert_array_equal(
        np.concatenate(again)[:, 0], donors(split, "shuffle_all", seed=2)
    )


def test_clips_that_are_not_drawn_give_nothing(entries):
    split = split_of(entries)
    counts = [samples.redrawn(d, 0, 0) for d in split.domains]
    X, trains = numbers(split)
    there = np.concatenate(
        [n[used] > 0 for n, used in zip(counts, split.used, strict=True)]
    )
    train = np.concatenate(trains)
    X = [x + 1 for x in X]  # none is 0
    out = replaced_clips(split, X, method_of("shuffle_all"), 0, counts)
    found = np.concatenate(out)[:, 0].astype(int)
    idle = train & ~there
    assert idle.sum() > 10
    assert (found[idle] == 0).all()
    assert set(found[train & there] - 1) == set(np.flatnonzero(train & there))
    # Tested clips are those of the first fit.
    plain = donors(split, "shuffle_all", 0)
    assert_array_equal(found[~train] - 1, plain[~train])


def test_the_oracle_has_one_feature_for_the_class(entries):
    split = split_of(entries)
    view = split.view(0, method_of("class_onehot"), 1)
    for i, domain in enumerate(split.domains):
        labels = domain.labels[split.used[i], 1]
        assert view.space.X[i].shape == (len(labels), 1)
        assert_array_equal(view.space.X[i][:, 0] > 0.8, labels == 1)
