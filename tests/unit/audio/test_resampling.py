"""Resamplers: whole or in blocks, and the one of the papers within rounding."""

import numpy as np
import pytest
import soundfile
from numpy.testing import assert_allclose, assert_array_equal

from earshift.audio import resampling
from earshift.audio.resampling import n_resampled, resampler
from tests.helpers.reference import SHARED, reference

RATES = [(44_100, 16_000), (22_050, 48_000), (48_000, 16_000), (44_101, 16_000)]


def noise(n):
    return np.random.default_rng(n).standard_normal(n).astype(np.float32)


def in_blocks(name, source, target, samples, size):
    """Resample block by block, and end with a block of no samples."""
    resample = resampler(name, source, target)
    starts = range(0, len(samples), size)
    parts = [resample(samples[start : start + size]) for start in starts]
    return np.concatenate([*parts, resample(samples[:0], last=True)])


@pytest.mark.parametrize("name", resampling.RESAMPLERS)
@pytest.mark.parametrize(("source", "target"), RATES)
def test_blocks_of_any_size_give_what_the_whole_gives(
    name, source, target, monkeypatch
):
    monkeypatch.setattr(resampling, "PAPER_PIECE_S", 1)
    for n in (3, 1_000, 3 * source + 17):
        samples = noise(n)
        whole = resampler(name, source, target)(samples, last=True)
        assert len(whole) == n_resampled(n, name, source, target)
        for size in (777, source):
            blocks = in_blocks(name, source, target, samples, size)
            # The paper's adds its filter in float64, at times that round differently.
            assert_allclose(blocks, whole, atol=3e-7 if name == "paper" else 0)


@pytest.mark.parametrize("name", resampling.RESAMPLERS)
def test_a_tone_stays_and_one_above_the_new_band_goes(name):
    t = np.arange(44_100) / 44_100
    kept, lost = (np.sin(2 * np.pi * f * t).astype("f4") for f in (1_000, 12_000))
    resample = [resampler(name, 44_100, 16_000) for _ in range(2)]
    low, high = (r(x, last=True) for r, x in zip(resample, (kept, lost), strict=True))
    expected = np.sin(2 * np.pi * 1_000 * np.arange(len(low)) / 16_000)
    # The paper's has a gain of 1.0028.
    assert_allclose(low[200:-200], expected[200:-200], atol=3e-3)
    assert np.abs(high[200:-200]).max() < 1e-3


@pytest.mark.parametrize("name", resampling.RESAMPLERS)
def test_the_same_rate_changes_nothing(name):
    samples = noise(1_000)
    assert_array_equal(resampler(name, 16_000, 16_000)(samples, last=True), samples)
    assert n_resampled(1_000, name, 16_000, 16_000) == 1_000


def test_lengths_are_known_beforehand_and_differ_between_the_two():
    # An odd length, where one rounds to the nearest and the other down.
    assert n_resampled(132_299, "soxr_hq", 44_100, 16_000) == 48_000
    assert n_resampled(132_299, "paper", 44_100, 16_000) == 47_999
    # At 48 kHz, every 320th length ends on half a sample at 22.05 kHz.
    rates = [(44_100, 16_000), (48_000, 22_050), (96_000, 44_100), (24_000, 22_050)]
    for source, target in rates:
        for n in [*range(1_000, 1_050), *range(160, 6_400, 320)]:
            for name in resampling.RESAMPLERS:
                made = resampler(name, source, target)(noise(n), last=True)
                assert len(made) == n_resampled(n, name, source, target)


@reference("resampled")
@pytest.mark.parametrize("key", ["chirp_48k/16000", "tone3s_16k/48000"])
def test_the_papers_resampler_is_the_originals_within_rounding(key):
    name, rate = key.split("/")
    (path,) = (SHARED / "reference" / "audio").glob(f"{name}.*")
    samples, source = soundfile.read(path, dtype="float32")
    with np.load(SHARED / "reference/models/resampled.npz") as stored:
        expected = stored[key]
    got = resampler("paper", source, int(rate))(samples, last=True)
    # The original added up its time axis, and its rounding errors.
    assert got.shape == expected.shape
    assert_allclose(got, expected, rtol=0, atol=6e-8)
