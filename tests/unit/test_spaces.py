"""One scale and one kernel of a source for all methods, scopes and penalties."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.preprocessing import StandardScaler

from earshift import classifier, domains, draws, evaluate, kernels, spaces
from earshift.debias import LDA, KernelLDA, MultiLDA
from earshift.discrepancy import _stage
from tests.unit.test_evaluate import balanced, entries, run  # noqa: F401

KERNEL = {name: {"plugin": name} for name in ("k", "klda", "mklda")}
SCOPES = ["global", "classwise"]
KEYS = ["method", "scope", "train", "test", "class", "repeat", "fold", "clip_id"]


@pytest.fixture(params=["drawn", "all"])
def options(request, tmp_path, entries):  # noqa: F811
    """Kernel methods in both scopes, on balanced draws or on all training clips."""
    drawn = balanced(tmp_path, entries) if request.param == "drawn" else None
    return {"methods": KERNEL, "scopes": SCOPES, "draws": drawn}


def masks(entries, options):  # noqa: F811
    """The domains, and which of their clips train a class in a split."""
    if options["draws"]:
        entries = [entry | {"draws": str(options["draws"])} for entry in entries]
    all_domains = domains.load_all(entries, ["c0", "c1"])
    return all_domains, lambda *split: [d.train(*split) for d in all_domains]


def test_kernel_methods_have_one_map_of_the_sources_training_clips(
    tmp_path,
    entries,  # noqa: F811
    options,
):
    rows, _ = run(tmp_path, entries, **options)
    table = pd.read_parquet(tmp_path / "scores" / "directions.parquet")
    all_domains, train_of = masks(entries, options)
    keys = ["train", "class", "repeat", "fold"]
    fits = table[table["kind"] == "class"].groupby(keys)
    checked = Counter()
    for (train, name, repeat, fold), weights in fits:
        c = ["c0", "c1"].index(name)
        train_masks = train_of(repeat, fold, c)
        i = ["a", "b"].index(train)
        own = all_domains[i].X[train_masks[i]]
        scaler = StandardScaler().fit(own)
        kernel = kernels.Fastfood().fit(scaler.transform(own))

        def mapped(clips, scaler=scaler, kernel=kernel):
            return kernel.transform(scaler.transform(clips))

        for row in weights.itertuples():
            scored = rows[
                rows["method"].eq(row.method)
                & rows["scope"].eq(row.scope)
                & rows["train"].eq(train)
                & rows["class"].eq(name)
                & rows["repeat"].eq(repeat)
                & rows["fold"].eq(fold)
            ]
            expected = [
                mapped(d.X[pd.Index(d.clip_id).get_indexer(part["clip_id"])])
                @ row.vector
                for d in all_domains
                for part in [scored[scored["test"] == d.name]]
            ]
            off = scored["score"].to_numpy() - np.concatenate(expected)
            assert_allclose(off, off.mean(), atol=1e-4 * np.ptp(scored["score"]))
            checked[row.method, row.scope] += 1
        for scope in SCOPES:
            seen = list(train_masks)
            if scope == "classwise":
                pairs = zip(seen, all_domains, strict=True)
                seen = [mask & (d.labels[:, c] == 1) for mask, d in pairs]
            clips = [d.X[mask] for d, mask in zip(all_domains, seen, strict=True)]
            names = np.repeat(["a", "b"], [len(part) for part in clips])
            lda = LDA().fit(mapped(np.concatenate(clips)), names)
            between = table[
                table["kind"].eq("dataset")
                & table["method"].eq("klda")
                & table["scope"].eq(scope)
                & table["train"].eq(train)
                & (table["class"].eq(name) | table["class"].isna())
                & table["repeat"].eq(repeat)
                & table["fold"].eq(fold)
            ]
            (found,) = between["vector"]
            expected = lda.found_[0].vector
            assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())
    # Sources, classes, repeats and folds; 'mklda' finds what 'klda' does, without groups
    assert set(checked.values()) == {2 * 2 * 2 * 3}
    assert len(checked) == 6


def test_what_methods_share_is_computed_once(
    tmp_path,
    entries,  # noqa: F811
    options,
    monkeypatch,
):
    calls = Counter()

    def count(owner, name):
        original = getattr(owner, name)

        def counted(*args, **kwargs):
            calls[owner.__name__.rpartition(".")[2]] += 1
            return original(*args, **kwargs)

        monkeypatch.setattr(owner, name, counted)

    count(StandardScaler, "fit")
    count(kernels.Fastfood, "fit")
    count(classifier, "products")
    methods = {"none": {"plugin": "none"}} | KERNEL
    run(tmp_path, entries, **options | {"methods": methods})
    drawn = options["draws"] is not None
    n_sets = 2 * 2 * 3 * (2 if drawn else 1)
    assert calls["Fastfood"] == n_sets
    # The products are of clips whose label is known; of a draw all are. Without draws a
    # method goes through all classes before the next one comes.
    n_products = 2 * n_sets if drawn else 2 * 2 * 2 * 3 * (1 + 5)
    assert calls["classifier"] == n_products
    # LDA standardises each group of clips for its shrinkage.
    n_lda = 2 * 2 * (2 * n_sets) if drawn else 2 * 2 * (n_sets + 2 * n_sets)
    assert calls["StandardScaler"] == n_sets + n_lda


def test_what_is_kept_changes_no_bit(tmp_path, entries, options, monkeypatch):  # noqa: F811
    methods = {"lda": {"plugin": "lda"}} | KERNEL
    together, _ = run(tmp_path, entries, **options | {"methods": methods})
    monkeypatch.setattr(spaces, "MAX_KEPT", 0)
    monkeypatch.setattr(spaces, "MAX_PRODUCTS", 0)
    for name in reversed(methods):
        evaluate._split.cache_clear()
        alone, _ = run(
            tmp_path, entries, **options | {"methods": {name: methods[name]}}
        )
        own = together[together["method"] == name].reset_index(drop=True)
        pd.testing.assert_frame_equal(alone, own, check_exact=True)


OWN = """
from earshift.debias.{base} import {kind} as Base

version = 1
access = "target_unlabelled"


class Own(Base):
    {body}


def make():
    return Own()
"""

TRANSFORM = "def transform(self, X): return super().transform(X)"


@pytest.mark.parametrize("name", ["lda", "klda"])
def test_taking_directions_from_the_classifier_is_taking_them_from_the_clips(
    tmp_path,
    entries,  # noqa: F811
    options,
    name,
):
    """A method with a `transform` of its own is believed nothing of."""
    file = tmp_path / "own.py"
    file.write_text(OWN.format(base="lda", kind="LDA", body=TRANSFORM))
    methods = {"lda": {"plugin": "lda"}, "own": {"plugin": str(file)}}
    if name == "klda":
        other = tmp_path / "own_kernel.py"
        body = (
            "def remover(self):\n"
            "        from earshift import debias\n"
            f"        return debias.make({str(file)!r})"
        )
        other.write_text(OWN.format(base="klda", kind="KernelLDA", body=body))
        methods = {"klda": {"plugin": "klda"}, "own": {"plugin": str(other)}}
    rows, _ = run(tmp_path, entries, **options | {"methods": methods})
    ours, theirs = (
        part.set_index(KEYS[1:])[["score", "C"]].sort_index()
        for part in (rows[rows["method"] == name], rows[rows["method"] == "own"])
    )
    pd.testing.assert_frame_equal(ours, theirs, atol=1e-5)


def test_alone_a_kernel_method_takes_its_width_from_the_clips_it_is_told(two_domains):
    X, domain = two_domains
    source = X[domain == "b"]
    some = np.arange(len(X)) % 3 == 0
    fitted = KernelLDA().fit(X[some], domain[some], source=source)
    assert fitted.map_.sigma_ == kernels.median_distance(source)
    by_hand = LDA().fit(fitted.map_.transform(X[some]), domain[some])
    expected = by_hand.transform(fitted.map_.transform(X))
    assert_allclose(fitted.transform(X), expected, atol=1e-12)
    assert KernelLDA().fit(X, domain).map_.sigma_ == kernels.median_distance(X)


def test_discrepancies_of_kernel_methods_have_one_kernel(entries):  # noqa: F811
    all_domains = domains.load_all(entries, ["c0"])
    parts = [(d, d.X, np.ones(len(d.X), bool)) for d in all_domains]
    fitted = [_stage._fit_method(entry, parts) for entry in KERNEL.values()]
    width = kernels.median_distance(all_domains[0].X)
    assert [method.map_.sigma_ for method in fitted] == [width] * 3
    assert isinstance(fitted[2].remover_, MultiLDA)
