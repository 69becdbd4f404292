"""The protocol of the published code, against scikit-learn."""

import json
import warnings
from dataclasses import fields

import numpy as np
import pandas as pd
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, pairwise_distances, roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from earshift import store
from earshift.errors import ConfigError, DataError
from earshift.numerics import kernels
from earshift.stages.splits import draws
from earshift.studies.ismir2023 import numerics, paper
from tests.helpers.paper import GENRES, METHODS, run, write_inputs


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return write_inputs(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="module")
def scored(study, tmp_path_factory):
    return run(study, tmp_path_factory.mktemp("scored"))


def read(study, name):
    """Features and labels of a dataset by clip id, and which clips test."""
    folder, _ = study
    X, ids = store.read_features(folder / f"{name}.features")
    table = pd.read_parquet(folder / f"{name}.labels").set_index("clip_id")
    tested = set(pd.read_parquet(folder / f"{name}.splits")["clip_id"])
    return pd.DataFrame(X.astype(float), index=ids), table, tested


def oracle(study, c, method, scope, train):
    """Scores of the study by scikit-learn: test dataset -> truth, probabilities."""
    folder, _ = study
    drawn = pd.read_parquet(folder / "draws.parquet")
    drawn = drawn[drawn["class"] == c]
    X, y, genre, tests = {}, {}, {}, {}
    for name in ("a", "b"):
        features, table, tested = read(study, name)
        rows = drawn.loc[drawn["dataset"] == name, "clip_id"]
        X[name], genre[name] = features.loc[rows], table.loc[rows, "subgroup"]
        y[name] = table.loc[rows, f"label:{c}"].to_numpy(bool)
        usable = table[f"label:{c}"].notna() & table["subgroup"].notna()
        ids = [i for i in table.index[usable] if i in tested]
        truth = table.loc[ids, f"label:{c}"].to_numpy(bool)
        tests[name] = (features.loc[ids].to_numpy(), truth)
    parts = {name: rows.to_numpy() for name, rows in X.items()}
    fit, scale = parts[train], FunctionTransformer().transform
    if method in ("k", "klda", "mklda"):
        scaled = {n: StandardScaler().fit_transform(part) for n, part in parts.items()}
        stack = np.vstack(list(scaled.values()))
        sigma = np.median(pairwise_distances(stack, metric="l2"))
        fastfood = kernels.Fastfood(sigma=sigma, random_state=42).fit(stack)
        parts = {n: fastfood.transform(part) for n, part in scaled.items()}
        scaler = StandardScaler().fit(fit)
        fit = parts[train]
        scale = make_pipeline(scaler, fastfood).transform
    seen = {n: y[n] if scope == "classwise" else np.full(len(y[n]), True) for n in y}
    stack = np.vstack([parts[n][seen[n]] for n in parts])
    side = np.concatenate([np.full(seen[n].sum(), n == "b") for n in parts])
    group = np.concatenate([genre[n][seen[n]] for n in parts])
    found = []
    if method in ("lda", "klda"):
        found = [discriminant(stack, side)]
    if method in ("mlda", "mklda"):
        found = [discriminant(stack[group == g], side[group == g]) for g in GENRES]
    if found:
        basis = np.linalg.svd(np.stack(found), full_matrices=False)[2]
        remove = np.eye(basis.shape[1]) - basis.T @ basis
    else:
        remove = np.eye(fit.shape[1])
    model = LogisticRegression(
        solver="liblinear", class_weight="balanced", random_state=42, max_iter=1000
    )
    grid = {"C": [10.0**i for i in range(-8, 4)]}
    search = GridSearchCV(model, grid, cv=3, scoring="roc_auc")
    search.fit(fit @ remove, y[train])
    return {
        n: (truth, search.predict_proba(scale(Z) @ remove)[:, 1])
        for n, (Z, truth) in tests.items()
    }


def discriminant(X, side):
    lda = LinearDiscriminantAnalysis(solver="eigen", shrinkage="auto")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a genre of one dataset: one class
        return lda.fit(X, side).coef_[0]


@pytest.mark.parametrize("scope", ["global", "classwise"])
@pytest.mark.parametrize("method", list(METHODS))
def test_scores_are_those_of_scikit_learn(study, scored, method, scope):
    _, scores, _ = scored
    scores = scores.set_index(["class", "method", "scope", "train", "test"])
    for c in ("c0", "c1"):
        for train in ("a", "b"):
            expected = oracle(study, c, method, scope, train)
            for test, (truth, p) in expected.items():
                row = scores.loc[(c, method, scope, train, test)]
                assert row["n_positive"] == truth.sum()
                assert row["n_test"] == len(truth)
                auc, ap = roc_auc_score(truth, p), average_precision_score(truth, p)
                assert row["roc_auc"] == pytest.approx(auc, abs=2e-3)
                assert row["average_precision"] == pytest.approx(ap, abs=2e-3)
                assert row["accuracy"] == pytest.approx(
                    np.mean((p > 0.5) == truth), abs=0.02
                )


def test_scopes_differ_where_something_is_removed(scored):
    _, scores, _ = scored
    both = scores.pivot_table(
        index=["method", "class", "train", "test"], columns="scope", values="roc_auc"
    )
    same = (both["global"] == both["classwise"]).groupby("method").all()
    assert same[["none", "k"]].all()
    assert not same[["lda", "mlda", "klda", "mklda"]].any()


def test_directions_are_those_that_were_found(study, scored):
    folder, _ = study
    _, _, table = scored
    key = {"class": "c0", "method": "mlda", "scope": "classwise", "kind": "dataset"}
    rows = table.loc[(table[list(key)] == pd.Series(key)).all(axis=1)]
    assert sorted(rows["subgroup"]) == sorted(GENRES)
    assert rows["train"].isna().all()
    assert rows["C"].isna().all()
    rows = rows.set_index("subgroup")
    assert rows.loc["folk", "n_clips_b"] == 0
    drawn = pd.read_parquet(folder / "draws.parquet")
    features, labels, _ = read(study, "a")
    ids = drawn.loc[(drawn["class"] == "c0") & (drawn["dataset"] == "a"), "clip_id"]
    own = labels.loc[ids]
    own = own[own["label:c0"].to_numpy(bool) & (own["subgroup"] == "folk")]
    assert rows.loc["folk", "n_clips_a"] == len(own)
    expected = discriminant(features.loc[own.index].to_numpy(), np.zeros(len(own)))
    np.testing.assert_allclose(rows.loc["folk", "vector"], expected, rtol=1e-5)


def test_classifiers_are_orthogonal_to_what_was_removed(scored):
    _, _, table = scored
    keys = ["method", "scope", "class"]
    found = table[table["kind"] == "dataset"].groupby(keys)["vector"]
    assert len(found) == 4 * 2 * 2
    weights = table[table["kind"] == "class"]
    assert len(weights) == 6 * 2 * 2 * 2
    for key, vectors in found:
        own = weights[(weights[keys] == list(key)).all(axis=1)]
        assert len(own) == 2
        for w in own["vector"]:
            for v in vectors:
                cosine = w @ v / np.linalg.norm(w) / np.linalg.norm(v)
                assert abs(cosine) < 1e-4
    assert weights["C"].isin(numerics.GRID).all()


def test_what_is_certain_is_tied_as_in_the_published_scores():
    scores = np.array([-900.0, -800.0, -709.0, -50.0, 0.5, 30.0, 40.0, 50.0])
    ranked = numerics.as_published(scores)
    assert np.isfinite(ranked).all()
    assert ranked[0] == ranked[1] < ranked[2] < ranked[3]
    assert ranked[6] == ranked[7] > ranked[5]
    assert ranked[4] == pytest.approx(0.5)


def test_an_added_method_computes_only_its_own(study, tmp_path):
    few = {name: METHODS[name] for name in ("none", "lda")}
    run(study, tmp_path, methods=few)
    parts = tmp_path / "parts"
    before = {path: path.stat().st_mtime_ns for path in parts.iterdir()}
    _, scores, _ = run(study, tmp_path, methods=few | {"k": METHODS["k"]})
    after = {path: path.stat().st_mtime_ns for path in parts.iterdir()}
    assert before.items() < after.items()
    assert set(scores["method"]) == {"none", "lda", "k"}


def test_methods_that_the_study_lacks_are_left_out(study, tmp_path, caplog):
    caplog.set_level("INFO", "earshift")
    extra = {"none": METHODS["none"], "mean": {"plugin": "mean_projection"}}
    _, scores, _ = run(study, tmp_path, methods=extra)
    assert set(scores["method"]) == {"none"}
    assert "no method mean" in caplog.text
    with pytest.raises(ConfigError, match="take 'paper' from 'protocols'"):
        run(study, tmp_path, methods={"mean": {"plugin": "mean_projection"}})


def test_it_compares_two_datasets_and_needs_draws(study, tmp_path):
    folder, entries = study
    with pytest.raises(DataError, match=r"two datasets, got 1 \(a\)"):
        run(study, tmp_path, entries=entries[:1])
    with pytest.raises(ConfigError, match="balance: paper"):
        run(study, tmp_path, draws=None)
    del folder


def test_a_class_with_too_few_clips_is_named(study, tmp_path):
    folder, _ = study
    drawn = pd.read_parquet(folder / "draws.parquet")
    _, table, _ = read(study, "a")
    present = drawn["clip_id"].isin(table.index[table["label:c1"].eq(True)])
    few = drawn[~(present & drawn["class"].eq("c1") & drawn["dataset"].eq("a"))]
    few.to_parquet(tmp_path / "few.parquet")
    with pytest.raises(DataError, match=r"class 'c1', dataset 'a'.*got 0 and"):
        run(study, tmp_path, draws=tmp_path / "few.parquet")


def deviate(study, out, **changes):
    folder, entries = study
    options = {
        "entries": entries,
        "draws": folder / "draws.parquet",
        "methods": METHODS,
        "corrected": entries,
    } | changes
    return paper.deviations(
        model="m",
        condition="clean",
        classes=folder / "classes.csv",
        scopes=["global", "classwise"],
        seed=0,
        n_workers=0,
        parts=out / "parts",
        out=out / "deviations.csv",
        n_draws=2,
        **options,
    ), pd.read_csv(out / "deviations.csv")


@pytest.fixture(scope="module")
def deviated(study, tmp_path_factory):
    return deviate(study, tmp_path_factory.mktemp("deviations"))


def test_each_fault_is_mended_alone(deviated, scored):
    table, written = deviated
    pd.testing.assert_frame_equal(table, written, atol=1e-6)
    faults = [field.name for field in fields(numerics.Faults)]
    assert list(table["fault"].unique()) == [*faults, "draws", "genres"]
    key = ["method", "scope", "train", "test", "class"]
    published_scores = scored[1].set_index(key)["roc_auc"]
    for fault, rows in table.groupby("fault"):
        touched = paper.TOUCHED.get(fault, tuple(METHODS))
        assert set(rows["method"]) == set(touched)
        # Those of none and k are the same in both scopes, and are there once.
        n_scopes = sum(1 if name in ("none", "k") else 2 for name in touched)
        assert len(rows) == n_scopes * 4 * 2
        assert not rows.duplicated(key).any()
        found = rows.set_index(key)["roc_auc"]
        change = (found - published_scores.loc[found.index]).abs()
        assert change.max() > 1e-4, fault


def relabelled(entry, folder, c, kept):
    """The entry of a dataset that has a class only where `kept` says of its table."""
    table = pd.read_parquet(entry["labels"])
    table[f"label:{c}"] = table[f"label:{c}"].mask(
        table[f"label:{c}"].fillna(value=False) & ~kept(table), other=False
    )
    path = folder / f"{entry['name']}.labels"
    table.to_parquet(path)
    return {**entry, "labels": str(path)}


def test_a_class_that_a_mended_draw_lacks_is_left_out_of_it(study, tmp_path, caplog):
    _, (a, b) = study
    # Only folk has it in a, and b has no folk: drawn by genre, there is none.
    a = relabelled(a, tmp_path, "c1", lambda table: table["subgroup"].eq("folk"))
    # By the other map, two clips of b have it.
    few = relabelled(b, tmp_path, "c1", lambda table: table.index.isin([2, 6]))
    draws.draw_balanced(
        {"a": a["labels"], "b": b["labels"]},
        {"a": a["splits"], "b": b["splits"]},
        balance="paper",
        subgroups=GENRES,
        seed=0,
        out=tmp_path / "draws.parquet",
    )
    table, _ = deviate(
        study,
        tmp_path,
        entries=[a, b],
        corrected=[a, few],
        draws=tmp_path / "draws.parquet",
        methods={name: METHODS[name] for name in ("none", "mlda")},
    )
    found = table.groupby("fault", sort=False)["class"].agg(set).to_dict()
    assert found.pop("draws") == found.pop("genres") == {"c0"}
    assert all(classes == {"c0", "c1"} for classes in found.values())
    assert len(found) == 4
    for name in ("draws", "genres"):
        assert f"with '{name}' corrected, too few clips are drawn of c1" in caplog.text


def case(study, c=0, **corrected):
    folder, entries = study
    shared = {
        "entries": [e | {"draws": str(folder / "draws.parquet")} for e in entries],
        "classes": ["c0", "c1"],
        "class": f"c{c}",
        "repeat": 0,
        "fold": 0,
        "faults": corrected,
        "seed": 0,
    }
    return paper.load_case(json.dumps(shared))


def test_mended_folds_keep_recordings_together(study):
    def mixed(one):
        recordings = one.domains[0].recording[one.train[0]]
        folds = pd.Series(one.folds[0]).groupby(recordings)
        return folds.nunique().max()

    assert mixed(case(study)) > 1
    assert mixed(case(study, unshuffled_folds=False)) == 1


def test_a_mended_genre_of_one_dataset_is_skipped(study):
    recipe = numerics.METHODS["mlda"]
    groups = [f.subgroup for f in case(study).found(recipe, "global", 0)]
    assert sorted(groups) == sorted(GENRES)
    found = case(study, one_class_lda=False).found(recipe, "global", 0)
    assert sorted(f.subgroup for f in found) == ["jazz", "rock"]


def test_mended_directions_depend_on_the_data_that_train(study):
    for recipe, fault in (("lda", "unscaled_features"), ("klda", "scaler_per_dataset")):
        recipe = numerics.METHODS[recipe]
        vectors = [
            [one.found(recipe, "global", source)[0].vector for source in (0, 1)]
            for one in (case(study), case(study, **{fault: False}))
        ]
        np.testing.assert_array_equal(*vectors[0])
        assert np.abs(vectors[1][0] - vectors[1][1]).max() > 1e-3


def test_a_mended_intercept_is_free(study):
    def balance(one):
        """The weighted sum of residuals, zero at a free intercept."""
        X, _ = one.space(False, 0)
        y = one.present[0]
        fitted = one.fit(numerics.METHODS["none"], [], 0)
        weight = np.where(y, len(y) / 2 / y.sum(), len(y) / 2 / (~y).sum())
        p = 1 / (1 + np.exp(-fitted.score(X)))
        return abs(weight @ (y - p)) / len(y)

    assert balance(case(study, penalised_intercept=False)) < 1e-6
    assert balance(case(study)) > 1e-5
