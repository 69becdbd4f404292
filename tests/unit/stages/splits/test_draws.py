import numpy as np
import pandas as pd
import pytest

from earshift.errors import DataError
from earshift.stages.splits import classes, draws, splitting

GENRES = ("rock", "jazz", "folk")


def table(path, n_recordings, shares, name, seed):
    """Clips of a dataset, two a recording, with subgroups in the given shares."""
    rng = np.random.default_rng(seed)
    rows = []
    for r in range(n_recordings):
        genre = rng.choice([*GENRES, None], p=shares)
        present = rng.random() < 0.3 + 0.3 * (genre == "rock")
        for k in range(2):
            row = {"clip_id": f"{name}{r:03d}-{k}", "recording": f"{name}{r}"}
            rows.append(row | {"subgroup": genre, "split": None, "label:c": present})
    frame = pd.DataFrame(rows)
    frame["label:c"] = frame["label:c"].astype("boolean")
    frame.loc[::7, "label:c"] = pd.NA
    frame.to_parquet(path)
    return path


@pytest.fixture
def two(tmp_path):
    labels = {
        "a": table(tmp_path / "a.parquet", 100, (0.6, 0.2, 0.1, 0.1), "a", 0),
        "b": table(tmp_path / "b.parquet", 60, (0.2, 0.3, 0.5, 0.0), "b", 1),
    }
    out = {name: tmp_path / f"{name}.splits.parquet" for name in labels}
    files = {"grouped": tmp_path / "groups.parquet", "shared": tmp_path / "shared.csv"}
    options = {"kind": "grouped", "n_folds": 3, "n_repeats": 2, "seed": 0}
    splitting.make_splits(labels, out, **options, **files)
    return labels, out


def draw(two, tmp_path, **options):
    options = {"balance": "joint", "subgroups": (), "seed": 0} | options
    out = tmp_path / "draws.parquet"
    draws.draw_balanced(*two, **options, out=out)
    return pd.read_parquet(out)


def joined(two, drawn):
    rows = pd.concat([pd.read_parquet(file) for file in two[0].values()])
    return drawn.astype({"clip_id": str}).merge(rows, on="clip_id")


def counts(rows, *keys):
    return rows.groupby([*keys], observed=True).size().unstack("dataset", fill_value=0)


@pytest.mark.parametrize("balance", ["paper", "joint"])
def test_no_drawn_clip_or_its_recording_tests_in_the_fold(two, tmp_path, balance):
    rows = joined(two, draw(two, tmp_path, balance=balance))
    assert set(zip(rows["repeat"], rows["fold"], strict=True)) == {
        (r, f) for r in (0, 1) for f in (0, 1, 2)
    }
    assert not rows["label:c"].isna().any()
    for name, file in two[1].items():
        tested = pd.read_parquet(file)
        recording = pd.read_parquet(two[0][name]).set_index("clip_id")["recording"]
        for (repeat, fold), part in tested.groupby(["repeat", "fold"]):
            own = rows[rows["repeat"].eq(repeat) & rows["fold"].eq(fold)]
            own = own[own["dataset"] == name]
            assert len(own) > 20
            assert not set(own["recording"]) & set(recording[part["clip_id"]])
            assert not own["clip_id"].duplicated().any()


def test_a_joint_draw_has_equal_counts_in_every_cell(two, tmp_path):
    rows = joined(two, draw(two, tmp_path))
    found = counts(rows, "repeat", "fold", "label:c", "subgroup", "dataset")
    assert len(found) == 2 * 3 * 2 * 3
    assert (found["a"] == found["b"]).all()
    assert (found["a"] > 0).any()
    # As many as the poorer dataset has to train with: nothing is wasted.
    tables = {n: pd.read_parquet(f) for n, f in two[0].items()}
    tested = {n: pd.read_parquet(f) for n, f in two[1].items()}
    for (repeat, fold, present, genre), n in found["a"].items():
        have = []
        for name, own in tables.items():
            t = tested[name]
            now = t.loc[t["repeat"].eq(repeat) & t["fold"].eq(fold), "clip_id"]
            cell = own[~own["clip_id"].isin(now) & own["subgroup"].eq(genre)]
            have.append(int(cell["label:c"].eq(present).sum()))
        assert n == min(have)


def test_a_paper_draw_keeps_each_datasets_own_shares(two, tmp_path):
    rows = joined(two, draw(two, tmp_path, balance="paper"))
    rows = rows[rows["repeat"].eq(0) & rows["fold"].eq(0)]
    totals = counts(rows, "label:c", "dataset")
    # Rounding down takes less than one clip of each of the three subgroups.
    assert (abs(totals["a"] - totals["b"]) < 3).all()
    own = counts(rows, "label:c", "subgroup", "dataset")
    assert not (own["a"] == own["b"]).all()
    train = pd.read_parquet(two[0]["a"])
    tested = pd.read_parquet(two[1]["a"])
    now = tested.loc[tested["repeat"].eq(0) & tested["fold"].eq(0), "clip_id"]
    train = train[~train["clip_id"].isin(now) & train["subgroup"].isin(GENRES)]
    absent = train[train["label:c"].eq(False).fillna(False)]["subgroup"].value_counts()
    wanted = min(totals.loc[False, "b"] + 2, absent.sum())
    for genre, n in absent.items():
        assert abs(own.loc[(False, genre), "a"] - n * wanted / absent.sum()) < 2


def test_a_paper_draw_is_that_of_the_published_code():
    # Python's generator, seeded once with 42 and asked for a permutation of each
    # subgroup in turn, of which floor(count * wanted / total) stay.
    cells = {
        "rich": {
            True: {"x": ["x0", "x1", "x2", "x3", "x4"], "y": ["y0", "y1", "y2"]},
            False: {"x": ["n0", "n1"], "y": []},
        },
        "poor": {
            True: {"x": ["p0"], "y": ["p1", "p2", "p3"]},
            False: {"x": [], "y": ["m0", "m1", "m2"]},
        },
    }
    found = draws.paper(cells, random_seed=42)
    # Permutations: [0, 4, 2, 1, 3] and [0, 2, 1], of which 2 and 1 stay; then [0, 1].
    assert found["rich"] == ["x0", "x4", "y0", "n0", "n1"]
    # [0] and [0, 1, 2], all of which stay; then [2, 0, 1] after an empty subgroup.
    assert found["poor"] == ["p0", "p1", "p2", "p3", "m2", "m0"]


def test_a_paper_draw_rounds_as_the_published_code():
    # 22 * (15 / 22) is 14.999999999999998 in double precision.
    clips = [f"x{i}" for i in range(22)]
    cells = {
        "rich": {True: {"x": clips}, False: {"x": ["n"]}},
        "poor": {True: {"x": clips[:15]}, False: {"x": ["m"]}},
    }
    found = draws.paper(cells, random_seed=42)
    assert len(found["rich"]) == 14 + 1
    assert len(found["poor"]) == 15 + 1


def test_the_order_of_a_draw_is_read_back(tmp_path):
    rows = [(0, 0, "c", "d", "x"), (0, 0, "c", "d", "z"), (0, 0, "c", "d", "y")]
    rows += [(0, 1, "c", "d", "y"), (0, 0, "other", "d", "y"), (0, 0, "c", "e", "y")]
    path = tmp_path / "draws.parquet"
    pd.DataFrame(rows, columns=list(draws.COLUMNS)).to_parquet(path)
    ids = np.array(["y", "x", "w"])
    assert draws.read_order(path, "d", ids, "c", 0, 0).tolist() == [1, 0]


def test_repeats_differ_and_the_seed_decides(two, tmp_path):
    one, same = draw(two, tmp_path), draw(two, tmp_path)
    pd.testing.assert_frame_equal(one, same)
    assert set(draw(two, tmp_path, seed=1)["clip_id"]) != set(one["clip_id"])
    for balance in ("joint", "paper"):
        drawn = draw(two, tmp_path, balance=balance)
        sets = [
            set(part["clip_id"]) for _, part in drawn.groupby("repeat") if len(part)
        ]
        assert sets[0] != sets[1]


def test_only_named_subgroups_are_drawn(two, tmp_path):
    rows = joined(two, draw(two, tmp_path, subgroups=["jazz", "rock"]))
    assert set(rows["subgroup"]) == {"jazz", "rock"}


def test_datasets_without_subgroups_are_balanced_by_label_alone(two, tmp_path):
    for file in two[0].values():
        pd.read_parquet(file).assign(subgroup=None).to_parquet(file)
    rows = joined(two, draw(two, tmp_path))
    found = counts(rows, "repeat", "fold", "label:c", "dataset")
    assert (found["a"] == found["b"]).all()
    assert (found["a"] > 10).all()


def test_subgroups_that_share_no_name_are_refused(two, tmp_path):
    rows = pd.read_parquet(two[0]["b"])
    rows.assign(subgroup="other").to_parquet(two[0]["b"])
    with pytest.raises(DataError, match=r"none \(a: folk, jazz, rock; b: other\)"):
        draw(two, tmp_path)


def test_a_class_with_too_few_drawn_clips_is_left_out_with_its_reason(two, tmp_path):
    drawn = tmp_path / "draws.parquet"
    draw(two, tmp_path)
    entries = [
        {"name": n, "labels": two[0][n], "splits": two[1][n], "draws": drawn}
        for n in two[0]
    ]
    out = tmp_path / "classes.csv"
    classes.choose_classes(entries, [], out, n_inner_folds=3)
    assert classes.read_classes(out) == ["c"]
    kept = pd.read_parquet(drawn)
    few = kept[~(kept["fold"].eq(1) & kept["dataset"].eq("b"))]
    few.to_parquet(drawn)
    with pytest.raises(DataError, match="fold 1 only 0 drawn training recordings"):
        classes.choose_classes(entries, [], out, n_inner_folds=3)


def test_masks_follow_the_order_of_clips_and_classes(two, tmp_path):
    drawn = draw(two, tmp_path)
    ids = pd.read_parquet(two[0]["a"])["clip_id"].to_numpy(str)[::-1][:150]
    masks = draws.read_masks(
        tmp_path / "draws.parquet", "a", ids, ["none", "c"], (2, 3)
    )
    assert masks.shape == (2, 3, 2, 150)
    assert not masks[:, :, 0].any()
    own = drawn[drawn["repeat"].eq(1) & drawn["fold"].eq(2) & drawn["dataset"].eq("a")]
    assert set(ids[masks[1, 2, 1]]) == set(own["clip_id"]) & set(ids)
