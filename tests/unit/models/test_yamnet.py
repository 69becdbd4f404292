"""YAMNet: against the original's numbers, a NumPy network, and damaged files."""

import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import soundfile
from numpy.testing import assert_allclose, assert_array_equal

from earshift import load_model
from earshift.errors import ConfigError, WeightsError
from earshift.models import yamnet
from tests.helpers.networks import relative, write_h5
from tests.helpers.reference import SHARED, reference


def random_tensors():
    """Return seeded tensors that keep a signal's size from layer to layer."""
    rng = np.random.default_rng(0)
    tensors = {}
    for name, shape in yamnet.tensor_shapes(None).items():
        kind = name.rsplit("/", 1)[1]
        if kind == "moving_variance":
            values = rng.uniform(0.5, 1.5, shape)
        elif "kernel" in kind:
            fan_in = 9 if kind == "depthwise_kernel" else np.prod(shape[:-1])
            values = rng.normal(size=shape) * np.sqrt(2 / fan_in)
        else:
            values = 0.1 * rng.normal(size=shape)
        tensors[name] = values.astype(np.float32)
    return tensors


@pytest.fixture(scope="module")
def tensors():
    return random_tensors()


@pytest.fixture(scope="module")
def weights(tensors, tmp_path_factory):
    return write_h5(tmp_path_factory.mktemp("weights") / "yamnet.h5", tensors)


@pytest.fixture(scope="module")
def model(weights):
    return load_model("yamnet", weights=weights)


@pytest.fixture(scope="module")
def sound():
    rng = np.random.default_rng(0)
    t = np.arange(32_000) / 16_000
    tone = 0.3 * np.sin(2 * np.pi * 440 * t * (1 + 0.1 * t))
    return (tone + 0.02 * rng.normal(size=t.size)).astype(np.float32)


def convolve(x, kernel, stride):
    """Convolve (height, width, channels), with the padding that TensorFlow adds."""
    size = kernel.shape[0]
    pads = []
    for n in x.shape[:2]:
        total = max(0, (-(-n // stride) - 1) * stride + size - n)
        pads.append((total // 2, total - total // 2))
    x = np.pad(x, (*pads, (0, 0)))
    patches = np.lib.stride_tricks.sliding_window_view(x, (size, size), axis=(0, 1))
    patches = patches[::stride, ::stride]
    if kernel.shape[3] == 1:
        return np.einsum("hwcij,ijc->hwc", patches, kernel[..., 0])
    return np.einsum("hwcij,ijco->hwo", patches, kernel, optimize=True)


def numpy_yamnet(window, tensors):
    """Embed one window in float64, layer by layer as the model is published."""
    t = {name: values.astype(np.float64) for name, values in tensors.items()}
    x = numpy_log_mel(window)[..., None]

    def stage(x, name, stride):
        kind = "depthwise_kernel" if "depthwise" in name else "kernel"
        x = convolve(x, t[f"{name}/{kind}"], stride)
        x = (x - t[f"{name}/bn/moving_mean"]) / np.sqrt(
            t[f"{name}/bn/moving_variance"] + 1e-4
        )
        return np.maximum(x + t[f"{name}/bn/beta"], 0.0)

    x = stage(x, "layer1/conv", 2)
    for i, stride in enumerate((1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1), start=2):
        x = stage(x, f"layer{i}/depthwise_conv", stride)
        x = stage(x, f"layer{i}/pointwise_conv", 1)
    return x.mean(axis=(0, 1))


def numpy_log_mel(window):
    frames = np.lib.stride_tricks.sliding_window_view(window, 400)[::160]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    magnitude = np.abs(np.fft.rfft(frames.astype(np.float64) * hann, 512))
    edges = np.linspace(*(1127 * np.log1p(np.array([125, 7500]) / 700)), 66)
    mel = 1127 * np.log1p(np.arange(257) * 31.25 / 700)
    bank = [np.interp(mel, edges[k : k + 3], [0, 1, 0]) for k in range(64)]
    return np.log(magnitude @ np.array(bank).T + 0.001)


@pytest.fixture(scope="module")
def reference_weights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reference")
    script = SHARED / "reference" / "models" / "make_weights.py"
    subprocess.run([sys.executable, script, folder, "yamnet"], check=True)
    return str(folder / "yamnet.h5")


def recording(name):
    """Return a reference recording at 16 kHz, float32."""
    if name == "chirp_48k":
        return np.load(SHARED / "reference/models/resampled.npz")["chirp_48k/16000"]
    (path,) = (SHARED / "reference" / "audio").glob(f"{name}.*")
    return soundfile.read(path, dtype="float32")[0]


# The chirp was resampled, and the original was fed other bits of it than are stored:
# between its harmonics, that is what the logarithm shows.
@reference("yamnet")
@pytest.mark.parametrize(
    ("name", "mel_atol", "rtol"),
    [
        ("noise_16k", 2e-3, 1e-3),
        ("tone3s_16k", 2e-3, 1e-3),
        ("short_16k", 2e-3, 1e-3),
        ("chirp_48k", 2e-2, 2e-2),
    ],
)
def test_the_numbers_are_the_originals(reference_weights, name, mel_atol, rtol):
    stored = np.load(SHARED / "reference/models/yamnet.npz")
    waveform = recording(name)
    model = load_model("yamnet", weights=reference_weights)
    values = model.embed(waveform, 16_000).values
    n_samples = (len(values) - 1) * 7_680 + 15_600
    padded = np.pad(waveform, (0, n_samples - len(waveform)))[None]
    mel = np.asarray(yamnet.log_mel(padded))[0]
    assert_allclose(mel, stored[f"{name}/logmel"], rtol=0, atol=mel_atol)
    assert values.shape == stored[f"{name}/emb"].shape
    assert relative(values, stored[f"{name}/emb"]).max() < rtol
    scores = load_model("yamnet", weights=reference_weights, layer="scores")
    got = scores.embed(waveform, 16_000).values
    assert relative(got, stored[f"{name}/scores"]).max() < rtol


@reference("yamnet")
def test_the_official_weights_hear_the_instrument():
    path = SHARED / "weights" / "yamnet.h5"
    folder = SHARED / "data" / "instruments" / "freesound" / "audio"
    if not (path.is_file() and folder.is_dir()):
        pytest.skip(f"no {path} or no recordings in {folder}")
    model = load_model("yamnet", weights=str(path), layer="scores")
    rows = {"guitar": 135, "violin": 186, "flute": 191, "saxophone": 192}
    for instrument, row in rows.items():
        paths = sorted(folder.glob(f"{instrument}_*.flac"))[:8]
        assert paths
        clips = [soundfile.read(path, dtype="float32") for path in paths]
        scores = [model.embed(*clip).values.mean(axis=0) for clip in clips]
        mean = np.mean(scores, axis=0)
        # Music, musical instrument, wind instrument and the like may come before.
        assert (mean > mean[row]).sum() < 8, instrument
        rivals = [r for other, r in rows.items() if other != instrument]
        assert mean[row] > mean[rivals].max(), instrument


def test_an_embedding_is_never_negative_and_often_zero(model, sound):
    values = model.embed(sound, 16_000).values
    assert values.min() == 0


def test_the_log_mel_is_that_of_its_formula(sound):
    window = sound[:15_600]
    got = np.asarray(yamnet.log_mel(window[None]))[0]
    assert got.shape == (96, 64)
    assert_allclose(got, numpy_log_mel(window), atol=2e-3)


def test_the_embedding_is_that_of_a_plain_numpy_network(model, tensors, sound):
    expected = numpy_yamnet(sound[:15_600], tensors)
    got = model.embed_windows(sound[None, :15_600])
    assert got.shape == (1, 1024)
    assert expected.std() > 0.1
    # 27 layers in float32, and the log-mel of quiet bands.
    assert relative(got, expected[None]).max() < 1e-3


def test_scores_are_a_dense_layer_on_the_embedding(model, weights, tensors, sound):
    scores = load_model("yamnet", weights=weights, layer="scores")
    logits = model.embed(sound, 16_000).values @ tensors["dense/kernel"]
    expected = 1 / (1 + np.exp(-(logits + tensors["dense/bias"])))
    got = scores.embed(sound, 16_000).values
    assert got.shape == (4, 521)
    assert_allclose(got, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("n_samples", "n_windows"),
    [(100, 1), (15_600, 1), (15_601, 2), (48_000, 6), (160_000, 20)],
)
def test_recordings_are_filled_up_to_whole_windows(weights, n_samples, n_windows):
    assert yamnet.spec(weights=weights).framing.n_windows(n_samples) == n_windows


def test_the_same_input_gives_the_same_bytes_whatever_its_neighbours(model, sound):
    windows = model.windows(sound)
    first = model.embed_windows(windows)
    assert_array_equal(first, model.embed_windows(windows))
    loud = np.random.default_rng(0).normal(size=(1, 15_600)).astype(np.float32)
    mixed = model.embed_windows(np.concatenate([loud, windows]))[1:]
    assert relative(mixed, first).max() < 1e-6


def test_the_last_layer_may_have_another_name(tensors, tmp_path):
    for name in ("logits", "dense_7"):
        renamed = {key.replace("dense/", f"{name}/"): v for key, v in tensors.items()}
        other = yamnet.spec(weights=write_h5(tmp_path / f"{name}.h5", renamed))
        found = yamnet.load_tensors(other)
        assert_array_equal(found["dense/kernel"], tensors["dense/kernel"])


def test_the_weights_are_the_file_that_decides_the_numbers(weights):
    assert yamnet.spec(weights=weights).weights == (Path(weights),)
    assert len(yamnet.tensor_shapes(None)) == 110


def test_a_wrong_layer_is_refused_with_the_right_ones(weights):
    with pytest.raises(ConfigError, match=r"no layer 'embeddings'.*mean 'embedding'\?"):
        yamnet.spec(weights=weights, layer="embeddings")


def test_a_missing_file_is_reported_with_its_address(tmp_path):
    with pytest.raises(WeightsError, match=r"does not exist\. Fetch https://"):
        yamnet.spec(weights=str(tmp_path / "yamnet.h5"))
    with pytest.raises(WeightsError, match="is a folder"):
        yamnet.spec(weights=str(tmp_path))


@pytest.mark.parametrize("fault", ["html", "empty", "truncated"])
def test_a_file_that_is_no_hdf5_is_reported_with_its_address(fault, weights, tmp_path):
    content = {
        "html": b"<!DOCTYPE html><html>404</html>",
        "empty": b"",
        "truncated": Path(weights).read_bytes()[:100_000],
    }[fault]
    path = tmp_path / "yamnet.h5"
    path.write_bytes(content)
    with pytest.raises(
        WeightsError, match=rf"\({len(content)} bytes\) is none.*Fetch https://"
    ):
        yamnet.network(yamnet.spec(weights=str(path)))


def test_hdf5_without_keras_weights_is_refused(tmp_path):
    path = tmp_path / "other.h5"
    with h5py.File(path, "w") as file:
        file["layers/conv2d/vars/0"] = np.zeros(3)
    with pytest.raises(WeightsError, match=r"HDF5 of another layout.*layer_names"):
        yamnet.network(yamnet.spec(weights=str(path)))


@pytest.mark.parametrize("fault", ["missing", "surplus", "shape", "nan", "swapped"])
def test_a_damaged_tensor_is_named(fault, tensors, tmp_path):
    name = "layer3/pointwise_conv/kernel"
    changed = dict(tensors)
    if fault == "missing":
        del changed[name]
    elif fault == "surplus":
        name = "layer15/conv/kernel"
        changed[name] = np.zeros(3, np.float32)
    elif fault == "shape":
        changed[name] = changed[name][..., :-1]
    elif fault == "nan":
        changed[name] = np.full_like(changed[name], np.nan)
    else:
        other = "layer4/pointwise_conv/kernel"
        changed[name], changed[other] = changed[other], changed[name]
    path = write_h5(tmp_path / "damaged.h5", changed)
    with pytest.raises(WeightsError, match=rf"yamnet needs.*{name}.*Give the original"):
        yamnet.network(yamnet.spec(weights=path))


def test_another_models_file_is_refused(tmp_path):
    other = {"conv2d_1/kernel": np.zeros((3, 3, 1, 64), np.float32)}
    path = write_h5(tmp_path / "openl3.h5", other)
    with pytest.raises(WeightsError, match=r"lacks 110 .*conv2d_1/kernel"):
        yamnet.network(yamnet.spec(weights=path))
