"""Folds: even in every kind of clip, and nearly the same after a change of the data."""

import subprocess
import sys

import numpy as np
import pytest

from earshift.numerics.grouped_folds import assign_folds, hashed
from tests.helpers.places import ROOT


def clips(n_recordings=120, prevalence=(0.1, 0.25, 0.4), seed=0):
    """Labels and recordings of one to four clips each, with some classes each."""
    rng = np.random.default_rng(seed)
    has = rng.random((n_recordings, len(prevalence))) < prevalence
    member = np.repeat(np.arange(n_recordings), rng.integers(1, 5, n_recordings))
    recordings = np.array([f"rec {i * 7919}" for i in member])
    present = has[member]
    return np.column_stack([present, ~present, np.ones(len(member), bool)]), recordings


def folds(labels, recordings, n_folds=5, seed=0):
    return assign_folds(labels, recordings, n_folds, np.random.default_rng(seed))


def of_recordings(recordings, found):
    by_name = dict(zip(recordings, found, strict=True))
    # No recording is in two folds.
    assert [by_name[r] for r in recordings] == list(found)
    return by_name


def unevenness(labels, found):
    """Deviation of the clips of each kind over folds, by their mean."""
    counts = np.stack([np.bincount(found[kind], minlength=5) for kind in labels.T])
    return counts.std(axis=1) / counts.mean(axis=1)


def moved(before, after):
    common = before.keys() & after.keys()
    return sum(before[r] != after[r] for r in common) / len(common)


@pytest.mark.parametrize("seed", range(8))
def test_every_kind_is_even_over_folds(seed):
    labels, recordings = clips(seed=seed)
    found = folds(labels, recordings, seed=seed)
    of_recordings(recordings, found)
    by_hash = hashed(recordings, np.random.default_rng(seed).bytes(16)) * 5
    clips_of, by_chance = (unevenness(labels, f) for f in (found, by_hash.astype(int)))
    assert clips_of.mean() < by_chance.mean() / 2
    # Recordings are more even: one has up to four clips.
    first = np.unique(recordings, return_index=True)[1]
    counts = [np.bincount(found[first][kind], minlength=5) for kind in labels[first].T]
    assert (np.ptp(counts, axis=1) <= 3).all()


@pytest.mark.parametrize("n_rare", [5, 6, 9])
@pytest.mark.parametrize("seed", range(5))
def test_no_fold_lacks_a_class_that_has_as_many_recordings(n_rare, seed):
    # One class of few recordings, one of the same number of recordings of many clips,
    # and three frequent ones.
    kind = np.repeat(np.arange(5), [n_rare, n_rare, 30, 40, 50])
    size = np.where(kind == 1, 9, 2)
    member = np.repeat(np.arange(len(kind)), size)
    present = kind[member][:, None] == np.arange(5)
    recordings = np.array([f"r{i}" for i in member])
    labels = np.column_stack([present, ~present, np.ones(len(member), bool)])
    found = folds(labels, recordings, seed=seed)
    for column in labels.T:
        assert np.bincount(found[column], minlength=5).min() > 0


def test_a_change_of_the_data_moves_few_other_recordings():
    labels, recordings = clips()
    names = np.unique(recordings)
    rng = np.random.default_rng(1)
    for n, most in ((1, 0.2), (len(names) // 10, 0.35)):
        shares = []
        for seed in range(10):
            whole = of_recordings(recordings, folds(labels, recordings, seed=seed))
            kept = ~np.isin(recordings, rng.choice(names, n, replace=False))
            less = folds(labels[kept], recordings[kept], seed=seed)
            shares.append(moved(whole, of_recordings(recordings[kept], less)))
        # Folds drawn anew keep one recording of five.
        assert np.mean(shares) < most / 2
        assert max(shares) < most


def test_neither_the_order_of_clips_nor_that_of_names_matters():
    labels, recordings = clips()
    found = of_recordings(recordings, folds(labels, recordings))
    order = np.random.default_rng(2).permutation(len(recordings))
    again = of_recordings(recordings[order], folds(labels[order], recordings[order]))
    assert again == found
    assert set(found.values()) == {0, 1, 2, 3, 4}


def test_what_other_kinds_there_are_does_not_matter_to_clips_that_have_none():
    labels, recordings = clips()
    more, others = clips(n_recordings=40, seed=3)
    others = np.char.add("other ", others)
    block = np.zeros((len(labels) + len(more), labels.shape[1] + more.shape[1]), bool)
    block[: len(labels), : labels.shape[1]] = labels
    block[len(labels) :, labels.shape[1] :] = more
    both = folds(block, np.concatenate([recordings, others]))
    np.testing.assert_array_equal(both[: len(labels)], folds(labels, recordings))
    np.testing.assert_array_equal(both[len(labels) :], folds(more, others))


def test_two_seeds_are_independent():
    labels, recordings = clips(n_recordings=300)
    one, two = (
        of_recordings(recordings, folds(labels, recordings, seed=seed))
        for seed in (0, 1)
    )
    assert 0.7 < moved(one, two) < 0.9


def test_recordings_without_any_kind_stay_where_their_hash_says():
    names = np.array([f"r{i}" for i in range(200)])
    found = folds(np.zeros((200, 2), bool), names)
    key = np.random.default_rng(0).bytes(16)
    np.testing.assert_array_equal(found, (hashed(names, key) * 5).astype(int))


def test_hashes_are_even_and_the_same_in_another_process():
    names = np.array([f"r\N{LATIN SMALL LETTER E WITH ACUTE}{i}" for i in range(5000)])
    found = hashed(names, b"key")
    assert found.min() >= 0
    assert found.max() < 1
    counts = np.bincount((found * 10).astype(int), minlength=10)
    assert (abs(counts - 500) < 5 * np.sqrt(500)).all()
    code = (
        "import numpy as np; from earshift.numerics.grouped_folds import hashed; "
        "print(hashed(np.array(['r\\xe90']), b'key')[0].hex())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(ROOT / "workflow/scripts"), "PYTHONHASHSEED": "7"},
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == float(found[0]).hex()


def test_in_a_large_table_a_rare_class_is_in_every_fold():
    """Hashes spread what is frequent; what is rare is moved, of however many."""
    n, n_rare = 20_000, 15
    for seed in range(3):
        rng = np.random.default_rng(seed)
        labels = np.zeros((n, 3), bool)
        labels[rng.permutation(n)[:n_rare], 0] = True
        labels[:, 1] = rng.random(n) < 0.3
        labels[:, 2] = True
        found = folds(labels, np.array([f"r{i}" for i in range(n)]), seed=seed)
        rare, frequent, every = (np.bincount(found[k], minlength=5) for k in labels.T)
        assert list(rare) == [n_rare // 5] * 5
        assert np.ptp(every) < 0.03 * n / 5
        assert np.ptp(frequent) < 0.06 * 0.3 * n / 5
