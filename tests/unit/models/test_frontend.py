"""Front ends: mel scales and filters, windows, STFT, float16 rounding."""

import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from earshift.models import _frontend as frontend


def test_a_periodic_hann_window_would_repeat_without_a_seam():
    assert_allclose(frontend.hann(4), [0.0, 0.5, 1.0, 0.5], atol=1e-15)


def test_htk_mel_has_the_values_of_its_formula():
    f_hz = np.array([0.0, 700.0, 1000.0])
    assert_allclose(
        frontend.hz_to_htk_mel(f_hz), [0.0, 1127 * np.log(2), 999.99], atol=5e-3
    )


def test_slaney_mel_has_the_values_that_define_it_and_an_inverse():
    f_hz = np.array([0.0, 200.0, 1000.0, 6400.0])
    mel = np.array([0.0, 3.0, 15.0, 42.0])
    assert_allclose(frontend.hz_to_slaney_mel(f_hz), mel, atol=1e-12)
    assert_allclose(frontend.slaney_mel_to_hz(mel), f_hz, atol=1e-9)


def test_neighbouring_htk_filters_add_up_to_one():
    bank = frontend.htk_filterbank(
        sample_rate_hz=16_000, n_fft=512, n_mels=64, low_hz=125.0, high_hz=7500.0
    )
    assert bank.shape == (257, 64)
    assert bank.dtype == np.float32
    assert not bank[0].any()
    edges = np.linspace(*frontend.hz_to_htk_mel(np.array([125.0, 7500.0])), 66)
    mel = frontend.hz_to_htk_mel(np.linspace(0, 8000, 257))
    between = (mel >= edges[1]) & (mel <= edges[-2])
    assert_allclose(bank[between].sum(axis=1), 1.0, atol=1e-5)
    assert not bank[mel < edges[0]].any()
    assert not bank[mel > edges[-1]].any()


def test_slaney_filters_have_unit_area():
    bank = frontend.slaney_filterbank(sample_rate_hz=16_000, n_fft=8192, n_mels=96)
    area = bank.astype(np.float64).sum(axis=0) * 16_000 / 8192
    # The sum over bins is a trapezoid rule, exact up to the corners of the triangles.
    assert_allclose(area, 1.0, atol=0.01)


def test_a_slaney_filter_is_linear_in_hertz():
    # Below 1000 Hz the edges lie 200 / 3 Hz apart for each mel. With 42 mel up to
    # 6400 Hz and 41 filters, the edges are whole mels: 0, 66.7, 133.3, ...
    bank = frontend.slaney_filterbank(sample_rate_hz=12_800, n_fft=384, n_mels=41)
    # Bins lie 33.3 Hz apart, so each filter is 0, 1/2, 1, 1/2, 0 of its peak.
    peak = 1 / (200 / 3)
    assert_allclose(bank[0:5, 0], peak * np.array([0, 0.5, 1, 0.5, 0]), atol=1e-8)
    assert_allclose(bank[2:7, 1], peak * np.array([0, 0.5, 1, 0.5, 0]), atol=1e-8)


def test_the_spectra_are_those_of_numpy():
    frontend_keras()
    audio = np.random.default_rng(0).normal(size=(3, 2000)).astype(np.float32)
    taper = frontend.hann(400)
    frames = np.lib.stride_tricks.sliding_window_view(audio, 400, axis=1)[:, ::160]
    expected = np.fft.rfft(frames.astype(np.float64) * taper, 512)
    real, imaginary = frontend.spectra(
        audio, taper=taper.astype(np.float32), hop=160, n_fft=512
    )
    got = np.asarray(real) + 1j * np.asarray(imaginary)
    assert got.shape == (3, 11, 257)
    # 512 terms of size 1, each rounded to 6e-8.
    assert_allclose(got, expected, atol=1e-4)


def test_rounding_to_float16_is_that_of_numpy():
    frontend_keras()
    rng = np.random.default_rng(0)
    values = (2.0 ** rng.uniform(-30, 15, 200_000)).astype(np.float32)
    values[:3] = 0.0, 1.0, 2.0**-14
    expected = values.astype(np.float16).astype(np.float32)
    assert np.count_nonzero(expected != values) > 190_000
    assert_array_equal(np.asarray(frontend.round_to_float16(values)), expected)


@pytest.mark.parametrize("name", ["mfcc", "musicnn", "yamnet"])
def test_importing_a_model_imports_no_framework(name):
    code = (
        f"import sys, earshift.models.{name};"
        "print(sorted({'keras', 'tensorflow', 'jax', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def frontend_keras():
    from earshift.models._keras import load_keras

    load_keras()
