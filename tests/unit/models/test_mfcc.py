"""MFCC: against a second way to compute them, and what loudness may change."""

import numpy as np
import pytest
import scipy.fft
from numpy.testing import assert_allclose, assert_array_equal

from earshift import load_model
from earshift.models import mfcc
from earshift.models._frontend import slaney_filterbank


@pytest.fixture
def audio():
    rng = np.random.default_rng(0)
    t = np.arange(50_000) / 22_050
    tone = np.sin(2 * np.pi * 300 * t * (1 + 0.2 * t))
    return (0.3 * tone + 0.05 * rng.normal(size=t.size)).astype(np.float32)


def test_one_window_a_second_every_half_second():
    frames = load_model("mfcc").embed(np.sin(np.arange(2 * 44_100) / 10), 44_100)
    assert frames.values.shape == (3, 120)
    assert frames.values.dtype == np.float32
    assert_array_equal(frames.time_s, [0.0, 0.5, 1.0])


def test_the_features_are_those_of_a_loop_over_frames(audio):
    model = load_model("mfcc")
    (window,) = model.windows(audio)[1:2]
    bank = slaney_filterbank(sample_rate_hz=22_050, n_fft=2048, n_mels=128)
    cepstra = []
    for start in range(0, 22_050 - 2048 + 1, 512):
        frame = window[start : start + 2048].astype(np.float64)
        angle = 2 * np.pi * np.arange(2048) / 2048
        power = np.abs(np.fft.rfft(frame * (0.5 - 0.5 * np.cos(angle)))) ** 2
        log = 10 * np.log10(np.maximum(power @ bank, 1e-10))
        cepstra.append(scipy.fft.dct(log, norm="ortho")[:20])
    series = [np.array(cepstra)]
    for _ in range(2):
        c = np.pad(series[-1], ((4, 4), (0, 0)), mode="edge")
        steps = np.arange(-4, 5)
        slope = [steps @ c[i : i + 9] / 60 for i in range(len(cepstra))]
        series.append(np.array(slope))
    whole = np.concatenate(series, axis=1)
    expected = np.concatenate([whole.mean(axis=0), whole.std(axis=0)])
    # Spectra are float32: 6e-8 of the loudest bin, seen through a logarithm.
    assert_allclose(model.embed_windows(window[None])[0], expected, atol=2e-3)


def test_loudness_changes_the_mean_of_the_first_coefficient_only(audio):
    model = load_model("mfcc")
    soft, loud = (model.embed(g * audio, 22_050).values for g in (0.25, 0.5))
    # Twice the amplitude: 20 log10 2 dB more in each of 128 bands, times 128^-1/2.
    gain = 128**0.5 * 20 * np.log10(2)
    assert_allclose(loud[:, 0] - soft[:, 0], gain, rtol=1e-4)
    assert_allclose(loud[:, 1:], soft[:, 1:], atol=2e-2)


def test_silence_is_finite_and_does_not_vary():
    values = load_model("mfcc").embed(np.zeros(22_050), 22_050).values
    assert_allclose(values[0, 0], 128**0.5 * 10 * np.log10(mfcc.FLOOR), rtol=1e-5)
    assert_allclose(values[0, 1:], 0.0, atol=1e-3)


def test_a_short_sound_is_padded():
    assert load_model("mfcc").embed(np.ones(100), 16_000).values.shape == (1, 120)


def test_slopes_of_a_line_are_its_slope():
    line = np.broadcast_to(0.5 * np.arange(10.0)[:, None], (2, 10, 3))
    assert_allclose(mfcc.slopes(line)[:, 4:-4], 0.5, rtol=1e-12)


def test_the_dct_matrix_is_orthonormal():
    full = mfcc.dct_matrix(40, 40)
    assert_allclose(full.T @ full, np.eye(40), atol=1e-12)


def test_neighbours_in_a_batch_change_nothing(audio):
    model = load_model("mfcc")
    windows = model.windows(audio)
    alone = np.concatenate([model.embed_windows(w[None]) for w in windows])
    assert_array_equal(model.embed_windows(windows), alone)
