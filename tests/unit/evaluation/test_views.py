"""One scale and one kernel of a source for all methods, scopes and penalties."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.preprocessing import StandardScaler

from earshift.debias import LDA, KernelLDA, Method
from earshift.evaluation import domains, spaces, views
from earshift.numerics import classifier, kernels
from earshift.stages.discrepancy import measuring
from earshift.stages.scores import cross_validation, inputs
from tests.helpers.two_domains import (
    balanced,
    run,
    write_two_domains,
)

KERNEL = {name: {"plugin": name} for name in ("k", "klda", "mklda")}
METHODS = {name: {"plugin": name} for name in ("none", "lda")} | KERNEL
SPLIT = ["train", "class", "repeat", "fold"]
#: Datasets, classes and folds.
N_FITS = 2 * 2 * 3


def named(plugin):
    """The method of a plugin, without options."""
    return Method.of(plugin, {"plugin": plugin})


@pytest.fixture
def entries(tmp_path):
    """Two datasets in three folds, once."""
    found = write_two_domains(tmp_path)
    for entry in found:
        splits = pd.read_parquet(entry["splits"])
        splits[splits["repeat"] == 0].to_parquet(entry["splits"])
    return found


@pytest.fixture(params=["drawn", "all"])
def options(request, tmp_path, entries):
    """Both scopes, on balanced draws or on all training clips."""
    drawn = balanced(tmp_path, entries) if request.param == "drawn" else None
    return {"methods": METHODS, "scopes": ["global", "classwise"], "draws": drawn}


def kernel_space(all_domains, train, name, repeat, fold):
    """Clips in the map of a source, by hand, and which train a class or have it."""
    c = ["c0", "c1"].index(name)
    masks = {d.name: d.train(repeat, fold, c) for d in all_domains}
    present = {d.name: d.labels[:, c] == 1 for d in all_domains}
    (own,) = (d.X[masks[d.name]] for d in all_domains if d.name == train)
    scaler = StandardScaler().fit(own)
    kernel = kernels.Fastfood().fit(scaler.transform(own))
    mapped = {d.name: kernel.transform(scaler.transform(d.X)) for d in all_domains}
    return mapped, masks, present


def test_the_order_of_a_table_tells_a_method_nothing(entries):
    """Tables are often listed by class: halves of them are then classes."""
    a, b = inputs.load_all(entries, ["c0", "c1"])
    ranked = np.sort(b.X[:, 0])
    listed = replace(b, X=np.column_stack([ranked, ranked]))
    parts = [
        (a, a.X[:, :2], np.ones(len(a.X), bool)),
        (listed, listed.X, np.ones(len(ranked), bool)),
    ]
    for plugin, source in (("lda", "a"), ("none", "b")):
        seen = domains.seen_by(named(plugin), parts, source=source)
        own = seen["X"][seen["domain"] == "b"]
        assert sorted(own[:, 0]) == list(ranked)
        assert abs(np.corrcoef(own[:, 0], np.arange(len(own)))[0, 1]) < 0.3
        assert (own[:, 0] == own[:, 1]).all()
    # Each clip keeps its dataset.
    seen = domains.seen_by(named("lda"), parts, source="a")
    of_a = {row.tobytes() for row in a.X[:, :2]}
    told = [row.tobytes() in of_a for row in seen["X"]]
    assert_array_equal(told, seen["domain"] == "a")


def test_kernel_methods_have_one_map_of_the_sources_training_clips(
    tmp_path, entries, options
):
    rows, _ = run(tmp_path, entries, **options | {"methods": KERNEL})
    table = pd.read_parquet(tmp_path / "scores" / "directions.parquet")
    drawn = {"draws": str(options["draws"])} if options["draws"] else {}
    all_domains = inputs.load_all([e | drawn for e in entries], ["c0", "c1"])
    place = {d.name: pd.Index(d.clip_id) for d in all_domains}
    scored = dict(iter(rows.groupby(["method", "scope", *SPLIT])))
    n_checked = 0
    for split, fits in table[table["kind"] == "class"].groupby(SPLIT):
        mapped, masks, present = kernel_space(all_domains, *split)
        for fit in fits.itertuples():
            # Scores are products of the fit and mapped clips, and one number more.
            for test, part in scored[fit.method, fit.scope, *split].groupby("test"):
                clips = mapped[test][place[test].get_indexer(part["clip_id"])]
                more = part["score"] - clips @ fit.vector
                assert_allclose(more, more.mean(), atol=1e-4 * np.ptp(part["score"]))
                n_checked += 1
        for scope in options["scopes"]:
            seen = {
                name: mask & present[name] if scope == "classwise" else mask
                for name, mask in masks.items()
            }
            X = np.concatenate([mapped[name][mask] for name, mask in seen.items()])
            domain = np.repeat(list(seen), [mask.sum() for mask in seen.values()])
            expected = LDA().fit(X, domain).found_[0].vector
            between = table[table["kind"].eq("dataset") & table["method"].eq("klda")]
            own = between["class"].isna() | between["class"].eq(split[1])
            for key, value in zip(
                ["scope", "train", "repeat", "fold"],
                [scope, split[0], *split[2:]],
                strict=True,
            ):
                own &= between[key].eq(value)
            (found,) = between.loc[own, "vector"]
            assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())
    # Three methods, in two scopes, on the test clips of two datasets.
    assert n_checked == N_FITS * 3 * 2 * 2


def test_what_methods_share_is_computed_once(tmp_path, entries, monkeypatch):
    calls = Counter()

    class Scaler(StandardScaler):
        def fit(self, X, y=None):
            calls["scaler"] += 1
            return super().fit(X, y)

    def count(owner, name, what):
        original = getattr(owner, name)

        def counted(*args):
            calls[what] += 1
            return original(*args)

        monkeypatch.setattr(owner, name, counted)

    monkeypatch.setattr(views, "StandardScaler", Scaler)
    count(kernels.Fastfood, "fit", "map")
    count(classifier, "products", "products")
    drawn, scopes = balanced(tmp_path, entries), ["global", "classwise"]
    run(tmp_path, entries, methods=METHODS, scopes=scopes, draws=drawn)
    # Products in the space of the embedding, and in that of the kernel.
    assert calls == {"scaler": N_FITS, "map": N_FITS, "products": 2 * N_FITS}


def test_what_is_kept_changes_no_bit(tmp_path, entries, options, monkeypatch):
    together, _ = run(tmp_path, entries, **options)
    monkeypatch.setattr(views, "MAX_KEPT", 0)
    monkeypatch.setattr(spaces, "MAX_PRODUCTS", 0)
    for name in ("lda", "klda"):
        cross_validation.load_split.cache_clear()
        changes = options | {"methods": {name: METHODS[name]}}
        alone, _ = run(tmp_path, entries, **changes)
        own = together[together["method"] == name].reset_index(drop=True)
        pd.testing.assert_frame_equal(alone, own, check_exact=True)


#: Methods with a `transform` of their own, which is not known to remove directions.
OWN = {
    "lda": """
from earshift.debias import LDA

class Own(LDA):
    def transform(self, X):
        return super().transform(X)
""",
    "klda": """
from earshift import debias

class Own(debias.KernelLDA):
    def remover(self):
        return debias.make(str({folder!r} + "/lda.py"))
""",
}
PLUGIN = 'version, access = 1, "target_unlabelled"\n\ndef make():\n    return Own()\n'


def test_directions_may_be_taken_from_classifiers_in_place_of_clips(
    tmp_path, entries, options
):
    own = {}
    for name, text in OWN.items():
        file = tmp_path / f"{name}.py"
        file.write_text(text.format(folder=str(tmp_path)) + PLUGIN)
        own[f"own_{name}"] = {"plugin": str(file)}
    methods = own | {name: METHODS[name] for name in OWN}
    rows, _ = run(tmp_path, entries, **options | {"methods": methods})
    for name in OWN:
        ours, theirs = (
            rows[rows["method"] == method].drop(columns="method").reset_index(drop=True)
            for method in (name, f"own_{name}")
        )
        pd.testing.assert_frame_equal(ours, theirs, atol=1e-5)


def test_alone_a_kernel_method_takes_its_width_from_the_clips_it_is_told(two_domains):
    X, domain = two_domains
    source, some = X[domain == "b"], np.arange(len(X)) % 3 == 0
    fitted = KernelLDA().fit(X[some], domain[some], source_clips=source)
    assert fitted.map_.sigma_ == kernels.median_distance(source)
    mapped = fitted.map_.transform(X)
    expected = LDA().fit(mapped[some], domain[some]).transform(mapped)
    assert_allclose(fitted.transform(X), expected, atol=1e-12)
    assert KernelLDA().fit(X, domain).map_.sigma_ == kernels.median_distance(X)


def test_discrepancies_of_kernel_methods_have_one_kernel(entries):
    all_domains = inputs.load_all(entries, ["c0"])
    parts = [(d, d.X, np.ones(len(d.X), bool)) for d in all_domains]
    fitted = [measuring.fit_method(named(name), parts)[0] for name in KERNEL]
    width = kernels.median_distance(all_domains[0].X)
    assert [method.map_.sigma_ for method in fitted] == [width] * 3
