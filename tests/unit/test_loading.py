"""The features of an experiment as arrays, and the Python of the README."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from earshift import load_features, store
from earshift.errors import DataError
from tests.helpers.readme import block, run_block, write_results


@pytest.fixture
def results(tmp_path):
    return write_results(tmp_path)


def test_the_python_of_the_readme_runs_as_it_stands(results):
    assert len(block().splitlines()) <= 25
    assert run_block(results.parent) == [
        "(1, 120) (1,)",
        "(10, 4) (10, 1) (10,) (10,) ['mini_irmas', 'mini_openmic']",
        "(10, 4) True",
        "['c0', 'c2', 'c4'] (9, 3)",
    ]


def test_rows_are_those_of_the_clips_that_the_protocol_uses(results):
    found = load_features(results, "mfcc")
    X, y, domain, recording = found
    assert X.dtype == np.float32
    assert y.dtype == np.float64
    for k, name in enumerate(("mini_irmas", "mini_openmic")):
        vectors, ids = store.read_features(
            results / f"3_features/{name}/mfcc/clean.zarr"
        )
        own = domain == name
        assert own.sum() == 5  # the last clip is not used
        assert_array_equal(X[own], vectors[:5])
        assert found.clip_id[own].tolist() == ids[:5]
        assert recording[own].tolist() == ["r0", "r0", "r1", "r1", "r2"]
        assert_array_equal(y[own], np.array([[1, 0, 1, 0, 1]]).T)
        assert k == 0 or domain[-1] == name
    assert found.classes == ["cello"]  # flute is not used
    assert found.X is X


def test_a_class_that_is_not_known_is_nan(results):
    found = load_features(results, "mfcc", classes=["flute", "cello"])
    assert found.classes == ["flute", "cello"]
    nan = np.nan
    own = found.domain == "mini_irmas"
    assert_array_equal(found.y[own, 0], [1, nan, 0, 1, nan])
    # The other dataset has no labels for it.
    assert np.isnan(found.y[~own, 0]).all()
    assert_array_equal(
        load_features(results, "mfcc", classes="cello").y, found.y[:, 1:]
    )


def test_clips_of_another_protocol_and_condition_are_asked_for_by_name(results):
    assert len(load_features(str(results), "mfcc", protocol="paper").X) == 4
    assert load_features(results, "mfcc", condition="clean").X.shape == (10, 4)
    for file in (results / "4_splits/fixed").iterdir():
        file.unlink()
    assert len(load_features(results, "mfcc").X) == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"model": "mfc"},
            r"no features at .*mfc/clean\.zarr.*Did you mean 'mfcc, clean'",
        ),
        ({"condition": "noise"}, r"noise\.zarr.*known: mfcc, clean.*make run"),
        ({"protocol": "fxed"}, "no protocol 'fxed'.*Did you mean 'fixed'"),
        ({"classes": "celo"}, "no class 'celo'.*Did you mean 'cello'"),
        ({"classes": ["cello", "oud"]}, "no class 'oud'"),
    ],
)
def test_what_is_not_there_is_an_error(results, options, message):
    with pytest.raises(DataError, match=message):
        load_features(results, **{"model": "mfcc"} | options)


def test_results_that_are_not_there_are_one_sentence(tmp_path):
    with pytest.raises(DataError, match=r"no results .*nowhere'.*make run"):
        load_features(tmp_path / "nowhere", "mfcc")
