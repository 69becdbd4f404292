"""Where results lie: patterns, and the paths that are made of them."""

from pathlib import Path

import pytest

from earshift import layout

#: Every pattern of the core.
PATTERNS = {
    name: value
    for name, value in vars(layout).items()
    if name.isupper() and isinstance(value, str)
}


def test_a_path_is_the_pattern_with_its_wildcards_in_the_folder_of_results():
    key = {"dataset": "a", "model": "mfcc", "condition": "gain_-6"}
    found = layout.path("out/x", layout.FEATURES, **key)
    assert found == Path("out/x/3_features/a/mfcc/gain_-6.zarr")
    assert layout.path(Path("out"), layout.REPORT) == Path("out/report.html")
    with pytest.raises(KeyError, match="condition"):
        layout.path("out", layout.FEATURES, dataset="a", model="mfcc")


def test_no_two_kinds_of_result_have_the_same_path():
    patterns = list(PATTERNS.values())
    assert len(patterns) > 40
    assert len(set(patterns)) == len(patterns)
    assert all(not Path(pattern).is_absolute() for pattern in patterns)


def test_results_that_are_there_are_found_with_their_names(tmp_path):
    for name in ("paper/b.labels.parquet", "fixed/a.labels.parquet", "fixed/a.parquet"):
        (tmp_path / "4_splits" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "4_splits" / name).touch()
    (tmp_path / "4_splits" / "a.labels.parquet").touch()
    assert layout.find(tmp_path, layout.LABELS) == [
        (
            {"protocol": "fixed", "dataset": "a"},
            tmp_path / "4_splits/fixed/a.labels.parquet",
        ),
        (
            {"protocol": "paper", "dataset": "b"},
            tmp_path / "4_splits/paper/b.labels.parquet",
        ),
    ]
    assert layout.find(tmp_path, layout.FEATURES) == []


def test_a_path_matches_its_own_pattern_alone():
    found = layout.regex(layout.REGION_DONE).fullmatch(
        "2_embeddings/a/mfcc/clean.done/000001.json"
    )
    assert found.groupdict() == {
        "dataset": "a",
        "model": "mfcc",
        "condition": "clean",
        "region": "000001",
    }
    # A dot is a dot, and a wildcard no folder.
    for other in ("1_clips/aXparquet", "1_clips/a/b.parquet", "1_clips/.parquet"):
        assert not layout.regex(layout.CLIPS).fullmatch(other)


@pytest.mark.parametrize(
    ("pattern", "file", "wanted", "wildcards", "expected"),
    [
        (layout.CLIPS, "x/a.parquet", layout.MEASURES, {}, "x/a.measures.parquet"),
        (layout.CLIPS, "a.parquet", layout.CLIP_PARTS, {}, "a.parts"),
        (
            *(layout.CLIPS, "a.parquet", layout.SHARE),
            *({"share": "0002"}, "a.keys/0002.parquet"),
        ),
        (
            *(layout.STORE_PLAN, "s/gain.5.plan.json", layout.REGION),
            *({"region": "000003"}, "s/gain.5.regions/000003.parquet"),
        ),
    ],
)
def test_what_lies_beside_a_result_is_found_in_any_folder(
    pattern, file, wanted, wildcards, expected
):
    assert layout.beside(Path(file), pattern, wanted, **wildcards) == Path(expected)


@pytest.mark.parametrize(
    ("file", "wanted"), [("a.csv", layout.MEASURES), ("a.parquet", layout.FEATURES)]
)
def test_what_cannot_lie_beside_a_result_is_refused(file, wanted):
    with pytest.raises(ValueError, match="is not beside"):
        layout.beside(Path(file), layout.CLIPS, wanted)


@pytest.mark.parametrize(
    ("results", "logs"),
    [
        ("results", "logs/results"),
        ("results/b", "logs/results/b"),
        ("../there", "../there/logs"),
        ("/data/there", "/data/there/logs"),
    ],
)
def test_logs_are_with_results_that_lie_elsewhere(results, logs):
    assert layout.logs(results) == Path(logs)
