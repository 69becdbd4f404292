"""What controls make of clips, and what no control may."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from earshift import debias, registry
from earshift.debias import Method, RandomProjection, checks, controls
from earshift.errors import ConfigError, DataError, MethodError
from tests.helpers.plugins import written

#: Control -> what it sees.
CONTROLS = {
    "class_onehot": "oracle",
    "random_projection": "none",
    "shuffle_all": "oracle",
    "shuffle_within_class": "oracle",
    "shuffle_within_domain": "oracle",
}


def numbered(n=60):
    """Clips whose only feature is their number, of two datasets and three labels."""
    labels = np.random.default_rng(3).integers(-1, 2, (n, 2), np.int8)
    domain = np.where(np.arange(n) % 3 == 0, "a", "b")
    return np.arange(n, dtype=float)[:, None], domain, labels


def replaced(name, seed=0, **options):
    """Numbers of the clips whose features a control gives to each of `numbered`."""
    X, domain, labels = numbered()
    control = debias.make(name, **options)
    return control.replace(X, domain, labels, np.random.default_rng(seed))


def test_controls_say_that_they_are_no_corrections():
    methods = [Method.of(n, {"plugin": n}) for n in registry.names("debias")]
    found = {m.name: m.access for m in methods if m.is_control}
    assert found == CONTROLS
    assert [m.name for m in methods if m.access == "oracle"] == [
        m.name for m in methods if m.replaces
    ]
    # They are fitted to no clips of other datasets, and scopes do not differ.
    assert not any(m.looks_at_domains for m in methods if m.is_control)


@pytest.mark.parametrize("name", [n for n in CONTROLS if n.startswith("shuffle")])
def test_a_shuffle_gives_each_clip_away_once(name):
    donor = replaced(name)[:, 0].astype(int)
    assert_array_equal(np.sort(donor), np.arange(60))
    assert (donor != np.arange(60)).sum() > 40
    assert_array_equal(replaced(name)[:, 0], donor)
    assert (replaced(name, seed=1)[:, 0] != donor).any()


def test_a_shuffle_keeps_what_its_name_says():
    _, domain, labels = numbered()
    donors = {
        name: replaced(name)[:, 0].astype(int)
        for name in ("shuffle_within_class", "shuffle_within_domain", "shuffle_all")
    }
    keeps_domain, keeps_labels = (
        {name: (what[own] == what).mean() for name, own in donors.items()}
        for what in (domain, labels)
    )
    assert keeps_domain["shuffle_within_domain"] == 1
    assert keeps_labels["shuffle_within_class"] == 1
    # Chance: 5 / 9 of two and one thirds, 1 / 3 of labels.
    assert keeps_domain["shuffle_within_class"] < 0.8
    assert keeps_labels["shuffle_within_domain"] < 0.6
    assert keeps_domain["shuffle_all"] < 0.8
    assert keeps_labels["shuffle_all"] < 0.6


def test_all_orders_of_a_group_are_as_likely():
    rng = np.random.default_rng(0)
    X, group = np.arange(5.0)[:, None], np.array([7, 2, 7, 2, 7])
    seen = [tuple(controls.shuffled(X, group, rng)[:, 0]) for _ in range(3000)]
    orders, counts = np.unique(seen, axis=0, return_counts=True)
    assert len(orders) == 2 * 6
    # 250 each, with a standard deviation of 15.
    assert counts.min() > 190
    assert counts.max() < 310


def test_which_label_is_unknown_is_a_label_of_its_own():
    donor = replaced("shuffle_within_class")[:, 0].astype(int)
    unknown = numbered()[2][:, 0] < 0
    assert unknown.sum() > 10
    assert_array_equal(unknown[donor], unknown)


def test_the_oracle_tells_labels_apart_and_no_two_clips_are_the_same():
    out, labels = replaced("class_onehot"), numbered()[2]
    assert out.shape == labels.shape
    assert_allclose(out, np.where(labels < 0, 0.5, labels), atol=0.1)
    assert len(np.unique(out)) == out.size
    assert out[labels == 1].min() > out[labels < 0].max()
    assert out[labels < 0].min() > out[labels == 0].max()


@pytest.mark.parametrize("rank", [1, 3])
def test_as_many_directions_are_lost_as_it_is_told(rank, two_domains):
    X, domain = two_domains
    method = RandomProjection(rank=rank).fit(X, domain)
    out = method.transform(X)
    assert np.linalg.matrix_rank(X) == 6
    assert np.linalg.matrix_rank(out, tol=1e-9) == 6 - rank
    assert np.linalg.matrix_rank(X - out, tol=1e-9) == rank
    assert_allclose(method.directions_ @ method.directions_.T, np.eye(rank), atol=1e-12)
    assert_array_equal(method.removed_directions_, method.directions_)


def test_directions_depend_on_the_seed_and_not_on_clips(two_domains):
    X, domain = two_domains
    one = RandomProjection(rank=2, seed=5).fit(X, domain).directions_
    assert_array_equal(one, RandomProjection(rank=2, seed=5).fit(-3 * X).directions_)
    other = RandomProjection(rank=2, seed=6).fit(X, domain).directions_
    assert np.linalg.svd(one @ other.T)[1].min() < 0.99
    entry = {"plugin": "random_projection", "seed": 5}
    again = Method.of("own", entry).redrawn(1).make().fit(X).directions_
    assert_array_equal(again, RandomProjection(seed=6).fit(X).directions_)


def test_directions_point_anywhere():
    X = np.zeros((2, 3))
    drawn = [RandomProjection(seed=s).fit(X).directions_[0] for s in range(500)]
    # Of a uniform axis, whatever its sign.
    assert_allclose(
        np.mean([np.outer(d, d) for d in drawn], axis=0), np.eye(3) / 3, atol=0.07
    )


def test_to_remove_all_features_is_refused(two_domains):
    X, _ = two_domains
    with pytest.raises(DataError, match=r"removes 6 of 6 feature\(s\).*'rank' below"):
        RandomProjection(rank=6).fit(X)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [(name, {"seed": -1}, "seed is a number from 0 on, got -1") for name in CONTROLS]
    + [("random_projection", {"rank": 0}, "rank is a number from 1 on, got 0")],
)
def test_options_that_cannot_be_are_refused(name, options, message):
    with pytest.raises(ConfigError, match=message):
        debias.make(name, **options)


PLUGIN = """
import numpy as np
from earshift.debias import Control

version, access, control = 1, "oracle", True
KEPT = []


class Own(Control):
    def replace(self, X, domain, labels, rng):
        {}


def make(*, seed: int = 0):
    return Own(seed=seed)
"""

#: Body of `replace` -> what the error says.
CHEATS = {
    "return X[1:]": r"its replace must give a row .* for each of 140 clips",
    "return np.log(X)": r"its replace of clip 'a\d+' of dataset 'a' has the value nan",
    "X += 1; return X": "its replace changes the clips that it is given",
    "labels[:] = 0; return X.copy()": "changes the clips .*, or what it is told",
    "return np.random.default_rng().permutation(X)": "draw from 'rng' alone",
    "KEPT.append(X); return KEPT[0]": "it must keep nothing",
    "return X + (domain == min(domain))[:, None]": "names of the datasets change",
}


@pytest.mark.filterwarnings("ignore:invalid value encountered in log")
@pytest.mark.parametrize("body", CHEATS)
def test_a_control_that_breaks_its_contract_is_refused(tmp_path, body):
    with pytest.raises(ConfigError, match=CHEATS[body]):
        debias.check_entry(written(tmp_path, "own", PLUGIN.format(body)))


def test_a_control_of_ones_own_is_accepted(tmp_path):
    body = "return rng.permutation(X)"
    entry = written(tmp_path, "own", PLUGIN.format(body)) | {"seed": 3}
    debias.check_entry(entry)
    assert Method.of("own", entry).is_control


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("control = 1, ", "_ = 1, ", "no correction may see them"),
        ('"oracle", True', '"oracle", 1', "has control = 1, which must be True or"),
        ("*, seed: int = 0", "*, start: int = 0", "has no option 'seed'"),
        ("def replace", "def another", "has no 'replace'"),
        ('"oracle"', '"oracles"', "Did you mean 'oracle'"),
    ],
)
def test_what_a_control_declares_must_hold(tmp_path, old, new, message):
    text = PLUGIN.format("return X.copy()")
    text = text.replace("Own(Control)", "Own").replace("Own(seed=seed)", "Own()")
    assert old in text
    with pytest.raises(ConfigError, match=message):
        debias.check_entry(written(tmp_path, "own", text.replace(old, new)))


def test_sides_and_folds_and_repeats_have_draws_of_their_own():
    method = Method.of("own", {"plugin": "shuffle_all", "seed": 2})
    places = [
        (repeat, fold, side) for repeat in (0, 1) for fold in (0, 1) for side in (0, 1)
    ]
    drawn = [
        controls.generator(method.redrawn(repeat), fold, side).random()
        for repeat, fold, side in places
    ]
    assert len(set(drawn)) == len(places)
    again = Method.of("own", {"plugin": "shuffle_within_domain", "seed": 2})
    assert controls.generator(again, 0, 0).random() == drawn[0]


def test_an_empty_side_stays_empty():
    """Not every fold tests clips of a class in every dataset."""
    X, _, labels = numbered(4)
    some = checks.Clips("a", np.array(list("wxyz")), X)
    none = checks.Clips("b", np.array([], str), X[:0])
    rng = np.random.default_rng(0)
    out = controls.replaced(
        debias.make("shuffle_all"), [some, none], [labels, labels[:0]], rng
    )
    assert [len(part) for part in out] == [4, 0]
    with pytest.raises(MethodError, match="for each of 4 clips"):
        controls.replaced(Short(), [some, none], [labels, labels[:0]], rng)


class Short(debias.Control):
    """A control that loses a clip."""

    def replace(self, X, *_):
        return X[1:]
