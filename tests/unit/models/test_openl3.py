"""OpenL3: against the original's numbers, a NumPy front end, and damaged files."""

import gzip
import re
import runpy
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.testing import assert_allclose, assert_array_equal

from earshift import load_model
from earshift.audio import reading
from earshift.errors import ConfigError, WeightsError
from earshift.models import openl3
from tests.helpers.networks import relative, write_h5
from tests.helpers.reference import SHARED, reference


def random_tensors():
    """Return seeded tensors that keep a signal's size from layer to layer."""
    rng = np.random.default_rng(0)
    tensors = {}
    for name, shape in openl3.tensor_shapes(None).items():
        kind = name.rsplit("/", 1)[1]
        if kind in ("moving_variance", "gamma"):
            values = rng.uniform(0.7, 1.4, shape)
        elif kind == "kernel":
            values = rng.normal(size=shape) * np.sqrt(2 / np.prod(shape[:-1]))
        else:
            values = 0.1 * rng.normal(size=shape)
        tensors[name] = values.astype(np.float32)
    # The spectrogram lies between -80 and 0 dB.
    tensors["batch_normalization_1/moving_mean"] = np.array([-40], np.float32)
    tensors["batch_normalization_1/moving_variance"] = np.array([400], np.float32)
    return tensors


@pytest.fixture(scope="module")
def tensors():
    return random_tensors()


@pytest.fixture(scope="module")
def weights(tensors, tmp_path_factory):
    return write_h5(tmp_path_factory.mktemp("weights") / "openl3.h5", tensors)


@pytest.fixture(scope="module")
def model(weights):
    return load_model("openl3", weights=weights, hop_s=0.5)


@pytest.fixture(scope="module")
def sound():
    rng = np.random.default_rng(0)
    t = np.arange(96_000) / 48_000
    tone = 0.3 * np.sin(2 * np.pi * 440 * t * (1 + 0.1 * t))
    return (tone + 0.02 * rng.normal(size=t.size)).astype(np.float32)


def cosine(got, expected):
    """Return the cosine between each row and the one expected."""
    norms = np.linalg.norm(got, axis=1) * np.linalg.norm(expected, axis=1)
    return (got * expected).sum(axis=1) / norms


def recording(name):
    """Return a reference recording at 48 kHz, float32."""
    if name == "tone3s_16k":
        return np.load(SHARED / "reference/models/resampled.npz")[f"{name}/48000"]
    (path,) = (SHARED / "reference" / "audio").glob(f"{name}.*")
    waveform, rate = soundfile.read(path, dtype="float32")
    return reading.prepare(waveform, rate, 48_000, "soxr_hq")


class Remembered:
    """A network that embeds each window once: the stored cases share most of theirs."""

    def __init__(self, network):
        self.network = network
        self.known = {}

    def __call__(self, windows):
        keys = [window.tobytes() for window in windows]
        new = {key: i for i, key in enumerate(keys) if key not in self.known}
        if new:
            values = self.network(windows[list(new.values())])
            self.known |= dict(zip(new, values, strict=True))
        return np.array([self.known[key] for key in keys])


@pytest.fixture(scope="module", params=["mel128", "mel256"])
def original(request, tmp_path_factory):
    """Return the options that load the reference's weights, and their network."""
    name = request.param
    made = runpy.run_path(str(SHARED / "reference" / "models" / "make_weights.py"))
    path = tmp_path_factory.mktemp("reference") / f"openl3_audio_{name}_music.h5"
    made["write_keras_h5"](path, made["openl3_layers"](name))
    options = {"weights": str(path), "input_repr": name}
    return options, Remembered(load_model("openl3", **options).network)


# The original resampled these two with another filter, and the network hears the
# filter's stop band: from 8 kHz up they are silent.
RESAMPLED = {"noise_16k": (0.2, 0.985), "short_16k": (0.05, 0.999)}


@reference("openl3")
@pytest.mark.parametrize("name", ["chirp_48k", "tone3s_16k", *RESAMPLED])
def test_the_embeddings_are_the_originals(original, name):
    options, network = original
    stored = np.load(SHARED / "reference/models/openl3.npz")
    keys = [k.removesuffix("/emb") for k in stored if k.endswith(f"/{name}/emb")]
    keys = [key for key in keys if key.startswith(options["input_repr"])]
    assert len(keys) >= 3
    rtol, least_cosine = RESAMPLED.get(name, (1e-2, 0.9995))
    for key in keys:
        _, hop, center, _ = key.split("/")
        how = {"hop_s": float(hop[3:]), "center": center == "center1"}
        model = load_model("openl3", **options, **how)
        model.network = network
        frames = model.embed(recording(name), 48_000)
        expected = stored[f"{key}/emb"]
        assert frames.values.shape == expected.shape
        assert_allclose(frames.time_s, stored[f"{key}/ts"], atol=1e-12)
        assert relative(frames.values, expected).max() < rtol
        assert cosine(frames.values, expected).min() > least_cosine


@reference("openl3")
@pytest.mark.parametrize("input_repr", ["mel128", "mel256"])
@pytest.mark.parametrize("name", ["chirp_48k", "tone3s_16k"])
def test_the_spectrograms_are_the_originals(weights, input_repr, name):
    stored = np.load(SHARED / "reference/models/openl3.npz")
    expected = stored[f"spectrogram/{input_repr}/{name}"]
    windows = load_model("openl3", weights=weights, hop_s=0.5).windows(recording(name))
    chosen = windows[stored[f"spectrogram/{input_repr}/{name}/windows"]]
    got = np.asarray(openl3.spectrogram(chosen, input_repr))
    assert got.shape == expected.shape
    assert np.abs(got - expected).mean() < 0.05


def slaney_hz(mel):
    """Return frequency: 200/3 Hz a mel up to 15 mel, then 27 mel for a factor 6.4."""
    return np.where(mel < 15, mel * 200 / 3, 1000 * 6.4 ** ((mel - 15) / 27))


def numpy_spectrogram(window, input_repr):
    """Return the network's input in float64, as the front end is published."""
    n_fft = 512 if input_repr == "linear" else 2048
    if input_repr != "linear":
        window = np.pad(window, (0, 2048))
    frames = np.lib.stride_tricks.sliding_window_view(window, n_fft)[::242][:199]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)
    magnitude = np.abs(np.fft.rfft(frames.astype(np.float64) * hann)).T
    if input_repr != "linear":
        n = int(input_repr[3:])
        top = 15 + 27 * np.log(24) / np.log(6.4)
        edges = slaney_hz(np.linspace(0, top, n + 2))
        bins = np.arange(1025) * 48_000 / 2048
        triangles = [np.interp(bins, edges[k : k + 3], [0, 1, 0]) for k in range(n)]
        magnitude = (np.array(triangles).T * 2 / (edges[2:] - edges[:-2])).T @ magnitude
    level = 10 * np.log10(np.maximum(magnitude, 1e-10))
    return np.maximum(level - level.max(), -80)


@pytest.mark.parametrize(
    ("input_repr", "shape"),
    [("linear", (257, 197)), ("mel128", (128, 199)), ("mel256", (256, 199))],
)
def test_the_spectrogram_is_that_of_its_formula(sound, input_repr, shape):
    got = np.asarray(openl3.spectrogram(sound[None, :48_000], input_repr))[0]
    assert got.shape == shape
    assert got.max() == 0
    assert_allclose(got, numpy_spectrogram(sound[:48_000], input_repr), atol=0.01)


def test_silence_is_flat_at_0_db(model):
    level = np.asarray(openl3.spectrogram(np.zeros((1, 48_000), np.float32), "mel128"))
    assert_array_equal(level, 0)
    assert np.isfinite(model.embed(np.zeros(100), 48_000).values).all()


def test_the_embedding_is_that_of_an_unfolded_network(model, weights, tensors, sound):
    import keras

    spectrogram = numpy_spectrogram(sound[:48_000], "mel128")
    x = keras.ops.convert_to_tensor(spectrogram[None, ..., None].astype(np.float32))

    def norm(x, i):
        gamma, beta, mean, variance = (
            tensors[f"batch_normalization_{i}/{part}"]
            for part in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        return (x - mean) / np.sqrt(variance + np.float32(1e-3)) * gamma + beta

    x = norm(x, 1)
    names = [*(f"conv2d_{i}" for i in range(1, 8)), "audio_embedding_layer"]
    for i, name in enumerate(names, start=1):
        x = keras.ops.conv(x, tensors[f"{name}/kernel"], padding="same")
        x = x + tensors[f"{name}/bias"]
        if i < 8:
            x = keras.ops.relu(norm(x, i + 1))
        if i in (2, 4, 6):
            x = keras.ops.max_pool(x, 2)
    expected = np.asarray(x)[0]
    assert expected.shape == (16, 24, 512)
    got = model.embed_windows(sound[None, :48_000])
    assert relative(got, expected.max(axis=(0, 1))[None]).max() < 1e-3
    large = load_model("openl3", weights=weights, embedding_size=6144)
    blocks = expected.reshape(4, 4, 3, 8, 512).max(axis=(1, 3)).reshape(1, -1)
    assert relative(large.embed_windows(sound[None, :48_000]), blocks).max() < 1e-3


@pytest.mark.parametrize("input_repr", ["linear", "mel256"])
@pytest.mark.parametrize("size", [512, 6144])
def test_an_embedding_has_its_size(weights, sound, input_repr, size):
    options = {"input_repr": input_repr, "embedding_size": size, "center": False}
    model = load_model("openl3", weights=weights, **options)
    model_windows = model.windows(sound[:48_000])
    values = model.network(model_windows)
    assert values.shape == (1, size)
    assert values.std() > 0.01


@pytest.mark.parametrize(
    ("n_samples", "center", "n_windows"),
    [
        (144_000, True, 26),
        (480_000, True, 96),
        (144_000, False, 21),
        (480_000, False, 91),
        (14_400, True, 1),
        (14_400, False, 1),
        (24_001, True, 2),
    ],
)
def test_recordings_are_filled_up_to_whole_windows(
    weights, n_samples, center, n_windows
):
    framing = openl3.spec(weights=weights, center=center).framing
    assert framing.n_windows(n_samples) == n_windows


def test_the_hop_is_rounded_down_to_samples(weights):
    hops = {0.1: 4800, 0.5: 24_000, 1: 48_000, 0.00005: 2}
    for hop_s, hop in hops.items():
        assert openl3.spec(weights=weights, hop_s=hop_s).framing.hop == hop


def test_the_same_input_gives_the_same_bytes_whatever_its_neighbours(model, sound):
    windows = model.windows(sound)
    first = model.embed_windows(windows)
    assert first.shape == (4, 512)
    assert_array_equal(first, model.embed_windows(windows))
    loud = np.random.default_rng(0).normal(size=(1, 48_000)).astype(np.float32)
    mixed = model.embed_windows(np.concatenate([loud, windows]))[1:]
    assert relative(mixed, first).max() < 1e-6


def test_layers_are_known_by_order_and_not_by_number(tensors, tmp_path):
    assert len(tensors) == 48

    def renamed(name):
        layer = re.match(r"(batch_normalization|conv2d)_(\d)/(.*)", name)
        if layer is None:
            return name
        i = int(layer[2]) - 1
        return f"{layer[1]}_{i}/{layer[3]}" if i else f"{layer[1]}/{layer[3]}"

    earlier = {renamed(name): values for name, values in tensors.items()}
    assert "conv2d/bias" in earlier
    path = write_h5(tmp_path / "w.h5", earlier, ("input_1", "melspectrogram"))
    found = openl3.load_tensors(openl3.spec(weights=path))
    assert list(found) == list(tensors)
    for name, values in tensors.items():
        assert_array_equal(found[name], values)


def test_a_zipped_file_is_read(weights, tensors, tmp_path):
    path = tmp_path / "openl3_audio_mel128_music-v0_4_0.h5.gz"
    path.write_bytes(gzip.compress(Path(weights).read_bytes(), 1))
    found = openl3.load_tensors(openl3.spec(weights=str(path)))
    assert_array_equal(
        found["audio_embedding_layer/kernel"], tensors["audio_embedding_layer/kernel"]
    )
    path.write_bytes(path.read_bytes()[:100_000])
    with pytest.raises(WeightsError, match=r"\(100000 bytes\) cannot be unzipped"):
        openl3.load_tensors(openl3.spec(weights=str(path)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"input_repr": "mel12"}, r"no input_repr 'mel12'.*Did you mean 'mel128'\?"),
        ({"content_type": "speech"}, r"no content_type.*music"),
        ({"embedding_size": 1024}, r"no embedding_size '1024'.*512"),
        ({"embedding_size": "512"}, r"no embedding_size '512'"),
        ({"hop_s": 0}, r"at least one sample.*got 0"),
    ],
)
def test_a_wrong_option_is_refused_with_the_right_ones(weights, options, message):
    with pytest.raises(ConfigError, match=message):
        openl3.spec(weights=weights, **options)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("openl3_audio_mel256_music-v0_4_0.h5.gz", {"input_repr": "linear"}),
        ("openl3_audio_linear_music.h5", {}),
        ("openl3_audio_mel128_env-v0_4_0.h5", {}),
    ],
)
def test_a_file_named_for_other_options_is_refused(tmp_path, name, options):
    (tmp_path / name).touch()
    with pytest.raises(WeightsError, match=r"by its name.*Give the other file"):
        openl3.spec(weights=str(tmp_path / name), **options)


def test_the_weights_are_the_file_that_decides_the_numbers(weights):
    assert openl3.spec(weights=weights).weights == (Path(weights),)


def test_a_missing_file_is_reported_with_its_address(tmp_path):
    with pytest.raises(WeightsError, match=r"does not exist\. Fetch https://"):
        openl3.spec(weights=str(tmp_path / "openl3.h5"))


@pytest.mark.parametrize("fault", ["html", "empty", "truncated"])
def test_a_file_that_is_no_hdf5_is_reported_with_its_address(fault, weights, tmp_path):
    content = {
        "html": b"<!DOCTYPE html><html>404</html>",
        "empty": b"",
        "truncated": Path(weights).read_bytes()[:100_000],
    }[fault]
    path = tmp_path / "openl3.h5"
    path.write_bytes(content)
    with pytest.raises(
        WeightsError, match=rf"\({len(content)} bytes\) is none.*Fetch https://"
    ):
        openl3.network(openl3.spec(weights=str(path)))


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("missing", r"'conv2d_4/bias' in the place of 'conv2d_4/kernel'"),
        ("last", r"nothing in the place of 'audio_embedding_layer/bias'"),
        ("surplus", r"'conv2d_9/kernel' after the last"),
        ("shape", r"'conv2d_4/kernel' of shape \(3, 3, 128, 128\).*127"),
        ("nan", r"finite weights; the tensor 'conv2d_4/kernel'"),
        ("swapped", r"'conv2d_4/kernel' of shape"),
    ],
)
def test_a_damaged_tensor_is_named(fault, message, tensors, tmp_path):
    name, other = "conv2d_4/kernel", "conv2d_5/kernel"
    changed = dict(tensors)
    if fault == "missing":
        del changed[name]
    elif fault == "last":
        del changed["audio_embedding_layer/bias"]
    elif fault == "surplus":
        changed["conv2d_9/kernel"] = np.zeros(3, np.float32)
    elif fault == "shape":
        changed[name] = changed[name][..., :-1]
    elif fault == "nan":
        changed[name] = np.full_like(changed[name], np.nan)
    else:
        changed[name], changed[other] = tensors[other], tensors[name]
    path = write_h5(tmp_path / "damaged.h5", changed)
    with pytest.raises(WeightsError, match=rf"openl3 needs.*{message}"):
        openl3.network(openl3.spec(weights=path))


def test_another_models_file_is_refused(tmp_path):
    other = {"layer/kernel": np.zeros((3, 3, 1, 32), np.float32)}
    path = write_h5(tmp_path / "yamnet.h5", other)
    with pytest.raises(WeightsError, match=r"'layer/kernel' in the place of 'batch"):
        openl3.network(openl3.spec(weights=path))
