"""The networks give the numbers of TensorFlow on JAX and PyTorch, too.

Keras takes a backend for the life of a process, so each has its own, which runs this
file as a script.
"""

import os
import platform
import runpy
import subprocess
import sys
from dataclasses import replace
from functools import cache
from importlib.util import find_spec

import numpy as np
import pytest
import soundfile

from earshift import load_model
from earshift.models import openl3, vggish, yamnet
from earshift.models._batches import Piece
from earshift.models._frontend import tensorflow_cos, tensorflow_log
from tests.helpers.places import ROOT
from tests.helpers.reference import SHARED, reference

# The first test of a backend waits for its process, and for TensorFlow's.
pytestmark = pytest.mark.timeout(600)

ORIGINALS = SHARED / "reference" / "models"

#: Model -> how much a pure tone's embedding may deviate on PyTorch, as relative L2. Its
#: FFT is another than that of TensorFlow and JAX, and next to a loud tone the logarithm
#: shows what an FFT in float32 rounds. That of VGGish is in float64, else it would
#: deviate by 2e-5; MusiCNN rounds its power in any case.
MODELS = {
    "random_vggish": 5e-6,
    "random_yamnet": 1e-3,
    "random_openl3": 5e-3,
    "musicnn": 1e-4,
}

#: Network and recording with the original's numbers -> relative L2 allowed, on JAX and
#: on PyTorch, whose FFT counts for a tone.
REFERENCE = {
    "vggish/tone3s_16k": (1e-4, 1e-4),
    "yamnet/noise_16k": (1e-3, 1e-3),
    "yamnet/tone3s_16k": (1e-3, 5e-3),
    "openl3/tone3s_16k": (1e-4, 1e-2),
    "musicnn/chirp_48k": (5e-3, 5e-3),
}


def embed(name, precision):
    """Embed two windows of music and one of a tone, in two batches at a time."""
    model = load_model(name, precision=precision)
    model.spec = replace(model.spec, batch_size=2)
    rate, n = model.spec.sample_rate_hz, model.spec.framing.window
    make = runpy.run_path(str(ROOT / "tests" / "data" / "make_golden.py"))
    sound = make["sound"](2 * n, rate)
    tone = np.sin(2 * np.pi * 440 * np.arange(n) / rate)
    windows = np.stack([sound[:n], sound[n:], tone]).astype(np.float32)
    parts = list(model.run([Piece(slice(0, 3), windows)], n_threads=2))
    assert [len(rows) for rows, _ in parts] == [2, 1]
    return np.concatenate([frames for _, frames in parts])


@cache
def original(name):
    """Return a model with the reference's weights, which are made in memory."""
    if name == "musicnn":
        return load_model("musicnn")
    made = runpy.run_path(str(ORIGINALS / "make_weights.py"))
    if name == "vggish":
        model = load_model("random_vggish")
        model.network = vggish.build(model.spec, made["vggish_vars"]())
    elif name == "yamnet":
        model = load_model("random_yamnet")
        tensors = dict(pair for _, layer in made["yamnet_layers"]() for pair in layer)
        model.network = yamnet.build(model.spec, tensors)
    else:
        model = load_model("random_openl3", hop_s=0.5)
        layers = made["openl3_layers"]("mel128")
        arrays = [array for _, layer in layers for _, array in layer]
        tensors = dict(zip(openl3.tensor_shapes(model.spec), arrays, strict=True))
        model.network = openl3.build(model.spec, tensors)
    return model


def embed_recording(name, recording):
    """Embed one of the reference's recordings."""
    model = original(name)
    rate = model.spec.sample_rate_hz
    if recording.endswith(f"_{rate // 1000}k"):
        path = SHARED / "reference" / "audio" / f"{recording}.flac"
        waveform = soundfile.read(path, dtype="float32")[0]
    else:
        waveform = np.load(ORIGINALS / "resampled.npz")[f"{recording}/{rate}"]
    return model.embed(waveform, rate).values


def main(path):
    """Write all numbers of this process's backend."""
    numbers = {
        f"{name}/{precision}": embed(name, precision)
        for name in MODELS
        for precision in ("float32", "bfloat16")
    }
    if os.environ["KERAS_BACKEND"] != "tensorflow" and ORIGINALS.is_dir():
        numbers |= {key: embed_recording(*key.split("/")) for key in REFERENCE}
    np.savez(path, **numbers)


@pytest.fixture(scope="module")
def numbers(tmp_path_factory):
    """Return a function from the name of a backend to its numbers."""
    folder = tmp_path_factory.mktemp("backends")

    @cache
    def run(backend):
        environment = {
            "KERAS_BACKEND": backend,
            "EARSHIFT_CACHE": str(folder),
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "workflow/scripts")]),
            "CUDA_VISIBLE_DEVICES": "",  # a GPU rounds otherwise
            "KERAS_TORCH_DEVICE": "cpu",
        }
        path = folder / f"{backend}.npz"
        done = subprocess.run(
            [sys.executable, __file__, path],
            env=os.environ | environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return dict(np.load(path))

    return run


def skipped_without(backend):
    absent = find_spec(backend) is None
    skip = pytest.mark.skipif(absent, reason=f"{backend} is not installed")
    return pytest.param(backend, marks=skip)


@pytest.fixture(scope="module", params=[skipped_without(b) for b in ("jax", "torch")])
def backend(request):
    return request.param


def relative(got, expected):
    """Return the relative L2 deviation of each row."""
    difference = np.linalg.norm(got - expected, axis=1)
    return difference / np.linalg.norm(expected, axis=1)


@pytest.mark.parametrize("model", MODELS)
def test_the_numbers_are_those_of_tensorflow(numbers, backend, model):
    got, expected = (numbers(b)[f"{model}/float32"] for b in (backend, "tensorflow"))
    assert got.dtype == np.float32
    *music, tone = relative(got, expected)
    assert max(music) < 1e-5
    assert tone < (MODELS[model] if backend == "torch" else 5e-6)


@pytest.mark.parametrize("model", MODELS)
def test_bfloat16_deviates_by_its_own_rounding_alone(numbers, backend, model):
    exact = numbers("tensorflow")[f"{model}/float32"]
    for b in (backend, "tensorflow"):
        rounded = numbers(b)[f"{model}/bfloat16"]
        assert rounded.dtype == np.float32
        # It has 8 bits, so one rounding moves a value by up to 2^-9.
        deviation = relative(rounded, exact)
        assert deviation.min() > 2e-4
        assert deviation.max() < 3e-2


@reference("yamnet")
@pytest.mark.parametrize("key", REFERENCE)
def test_the_numbers_are_the_originals(numbers, backend, key):
    name, recording = key.split("/")
    stored = {
        "openl3": f"mel128/hop0.5/center1/{recording}/emb",
        "musicnn": f"MSD_musicnn/len3/ovFalse/{recording}/penultimate",
    }.get(name, f"{recording}/emb")
    expected = np.load(ORIGINALS / f"{name}.npz")[stored]
    got = numbers(backend)[key]
    assert got.shape == expected.shape
    assert relative(got, expected).max() < REFERENCE[key][backend == "torch"]


@pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64"),
    reason="TensorFlow rounds otherwise on this processor",
)
def test_the_cosine_and_the_logarithm_are_tensorflows_to_the_last_bit():
    import tensorflow as tf

    for n in (400, 512, 2048):
        angle = (2 * np.pi * np.arange(n, dtype=np.float32)) / np.float32(n)
        np.testing.assert_array_equal(tensorflow_cos(angle), tf.math.cos(angle))
    for n in (2, 257):
        x = 1 + np.linspace(125, 8000, n, dtype=np.float32) / 700
        np.testing.assert_array_equal(tensorflow_log(x), tf.math.log(x))


if __name__ == "__main__":
    main(sys.argv[1])
