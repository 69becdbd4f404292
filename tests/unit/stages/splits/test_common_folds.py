"""From stage 4 to what stages 5 and 6 see: nothing that is tested trains anywhere."""

import numpy as np
import pandas as pd
import pytest

from earshift import store
from earshift.evaluation import domains
from earshift.evaluation.protocol import study_of
from earshift.evaluation.views import Split
from earshift.numerics import grouped_folds
from earshift.stages.discrepancy.halves import halve
from earshift.stages.scores import inputs
from earshift.stages.splits import draws, selection, splitting

SPACES = {"a": "freesound", "b": "freesound"}

#: Recordings of each dataset; 30 of them in both.
NUMBERS = {"a": range(60), "b": range(30, 90)}


def write_tables(folder, split):
    """Two clips of each recording, with a class, a subgroup and an official side."""
    labels = {}
    for name, numbers in NUMBERS.items():
        r = np.repeat(numbers, 2)
        rows = pd.DataFrame({"clip_id": [f"{name}{i}" for i in range(len(r))]})
        rows = rows.assign(recording=r.astype(str), subgroup=None)
        rows["split"] = split(name, r)
        rows["label:c"] = pd.array(r % 3 == 0, dtype="boolean")
        labels[name] = folder / f"{name}.labels.parquet"
        rows.to_parquet(labels[name])
        X = np.random.default_rng(0).standard_normal((len(r), 4)).astype(np.float32)
        store.write_features(folder / f"{name}.zarr", [X], list(rows["clip_id"]), 4, {})
    return labels


def sides(name, r):
    return np.where(r % 4 == (1 if name == "a" else 2), "test", "train")


def numbered(name, r):
    return (r % 3 + 1 if name == "a" else (r + 1) % 3 + 1).astype(str)


@pytest.fixture(params=["grouped", "official", "official folds"])
def made(request, tmp_path):
    """Files of both protocols: labels, splits and draws."""
    split = numbered if request.param == "official folds" else sides
    labels = write_tables(tmp_path, split)
    tested = {name: tmp_path / f"{name}.splits.parquet" for name in labels}
    # A copy: recording 3 of a is 80 of b.
    copies = tmp_path / "duplicates.csv"
    columns = ["dataset_a", "recording_a", "dataset_b", "recording_b"]
    pd.DataFrame([("a", "3", "b", "80")], columns=columns).to_csv(copies, index=False)
    splitting.make_splits(
        *(labels, tested),
        kind=request.param.partition(" ")[0],
        n_folds=3,
        n_repeats=2,
        seed=0,
        grouped=tmp_path / "groups.parquet",
        shared=tmp_path / "shared.csv",
        duplicates=copies,
        namespaces=SPACES,
    )
    out = {}
    for protocol in ("fixed", "paper"):
        own = [
            {n: tmp_path / f"{protocol}.{file.name}" for n, file in files.items()}
            for files in (labels, tested)
        ]
        pairs = [
            {n: (files[n], new[n]) for n in files}
            for files, new in zip((labels, tested), own, strict=True)
        ]
        groups = tmp_path / "groups.parquet"
        selection.select_clips(
            *(study_of("ismir2023").protocol(protocol), *pairs),
            grouped=groups,
            subgroups=[],
        )
        out[protocol] = own
    return out


def load(made, protocol, folder, balance):
    labels, tested = made[protocol]
    entries = [
        {"name": n, "features": str(folder / f"{n}.zarr")}
        | {"labels": str(labels[n]), "splits": str(tested[n])}
        for n in labels
    ]
    if balance != "none":
        out = folder / f"draws.{balance}.parquet"
        options = {"balance": balance, "subgroups": (), "seed": 0, "out": out}
        draws.draw_balanced(labels, tested, **options)
        entries = [entry | {"draws": str(out)} for entry in entries]
    return inputs.load_all(entries, ["c"])


def both_sides(found):
    """Groups that test and train in a fold, in any two datasets; and all that train."""
    both, train = set(), set()
    for repeat, fold in domains.folds(found):
        split = Split(found, repeat, fold)
        sides = [
            {r for d, mask in zip(found, masks, strict=True) for r in d.recording[mask]}
            for masks in (split.tested, split.train)
        ]
        both |= sides[0] & sides[1]
        train |= sides[1]
    return both, train


@pytest.mark.parametrize("balance", ["none", "joint", "paper"])
def test_no_recording_trains_in_a_dataset_while_it_tests_in_one(
    made, tmp_path, balance
):
    found = load(made, "fixed", tmp_path, balance)
    both, train = both_sides(found)
    assert both == set()
    assert len(train) > 30
    a, b = found
    # 30 have one name in both, and a copy joins two more.
    assert len({*a.recording} & {*b.recording}) == 31
    names = [dict(zip(d.clip_id, d.recording, strict=True)) for d in (a, b)]
    assert names[0]["a6"] == names[1]["b100"] == "freesound:3"


def test_the_published_protocol_is_left_as_it_is(made, tmp_path):
    found = load(made, "paper", tmp_path, "none")
    assert all(not domain.left_out.any() for domain in found)
    both, _ = both_sides(found)
    # Official sides put recordings on both; in common folds there are none.
    fixed = load(made, "fixed", tmp_path, "none")
    assert bool(both) == any(domain.left_out.any() for domain in fixed)


def test_a_domain_that_leaves_out_other_clips_is_another_one(made, tmp_path):
    found = load(made, "fixed", tmp_path, "none")[0]
    before = found.digest()
    found.left_out[0, 0, 0] ^= True
    assert found.digest() != before


def test_both_halves_of_stage_6_hold_other_recordings(made, tmp_path):
    found = load(made, "fixed", tmp_path, "none")
    halves = halve(found, 0, 0)
    assert [len(half) for half in halves] == [len(d.recording) for d in found]
    sets = [
        {
            r
            for d, half in zip(found, halves, strict=True)
            for r in d.recording[half == h]
        }
        for h in (0, 1)
    ]
    assert not sets[0] & sets[1]
    for half in halves:
        assert abs((half == 0).sum() - 60) <= 4


def test_a_clip_more_changes_few_of_a_joint_draw():
    cells = {
        name: {p: {"all": [f"{name}{p}{i}" for i in range(n)]} for p in (True, False)}
        for name, n in (("rich", 200), ("poor", 50))
    }
    before = draws.joint(cells, [0, 0, 0, 7])
    assert {name: len(drawn) for name, drawn in before.items()} == dict.fromkeys(
        cells, 100
    )
    cells["rich"][True]["all"].insert(3, "new")
    after = draws.joint(cells, [0, 0, 0, 7])
    assert len(set(before["rich"]) - set(after["rich"])) <= 1
    assert after["poor"] == before["poor"]
    # In the order of the table, and another draw for another seed.
    listed = cells["rich"][True]["all"]
    drawn = after["rich"][:50]
    assert drawn == sorted(drawn, key=listed.index)
    other = draws.joint(cells, [1, 0, 0, 7])
    assert len(set(other["rich"]) - set(after["rich"])) > 40


def test_hashes_of_two_keys_have_nothing_in_common():
    names = np.array([f"r{i}" for i in range(2000)])
    one, two = (grouped_folds.hashed(names, key) for key in (b"1", b"2"))
    assert abs(np.corrcoef(one, two)[0, 1]) < 0.1
