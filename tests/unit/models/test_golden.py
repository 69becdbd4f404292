"""Small numbers of every network, which need no file that is not in the project."""

import runpy

import numpy as np
import pytest

from earshift import load_model
from tests.helpers.networks import relative
from tests.helpers.places import DATA

MADE = runpy.run_path(str(DATA / "make_golden.py"))


@pytest.mark.parametrize("name", MADE["CASES"])
def test_the_golden_numbers_are_kept(name):
    model, options = MADE["CASES"][name]
    with np.load(DATA / "golden.npz") as golden:
        expected = golden[name]
    got = load_model(model, **options).embed(MADE["sound"](), 16_000).values
    assert got.shape == expected.shape
    assert np.abs(expected).max() > 0.01
    # Other processors add in other orders: that moves a value by about 1e-6.
    assert relative(got, expected).max() < 1e-4


def test_every_network_has_golden_numbers():
    covered = {name.removeprefix("random_") for name, _ in MADE["CASES"].values()}
    assert covered == {"musicnn", "vggish", "yamnet", "openl3"}
