"""VGGish: against the original's numbers, a NumPy network, and damaged checkpoints."""

import runpy
import shutil
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.testing import assert_allclose, assert_array_equal

from earshift import load_model
from earshift.errors import AudioError, WeightsError
from earshift.models import vggish
from tests.helpers.networks import relative
from tests.helpers.reference import SHARED, reference

CONV = "vggish/conv3/conv3_2/weights"


def random_tensors():
    """Return seeded tensors that keep a signal's size from layer to layer."""
    rng = np.random.default_rng(0)
    tensors = {}
    for name, shape in vggish.tensor_shapes(None).items():
        values = rng.standard_normal(shape, np.float32)
        scale = np.sqrt(2 / np.prod(shape[:-1])) if len(shape) > 1 else 0.1
        tensors[name] = values * np.float32(scale)
    return tensors


def write_checkpoint(path, tensors):
    """Write one file in the checkpoint format that TensorFlow had before version 1."""
    import tensorflow as tf

    names = sorted(tensors)
    data = [tf.constant(tensors[name]) for name in names]
    tf.raw_ops.Save(filename=str(path), tensor_names=names, data=data)
    return str(path)


def write_pca(path, **changes):
    rng = np.random.default_rng(1)
    arrays = {
        "pca_eigen_vectors": 0.1 * rng.normal(size=(128, 128)),
        "pca_means": rng.normal(size=(128, 1)),
    } | changes
    np.savez(path, **{name: a for name, a in arrays.items() if a is not None})
    return str(path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder for large files, which pytest would keep for three runs."""
    path = tmp_path_factory.mktemp("vggish")
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module", autouse=True)
def cache(folder):
    """Keep converted weights out of the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EARSHIFT_CACHE", str(folder / "cache"))
        yield folder / "cache"


@pytest.fixture(scope="module")
def tensors():
    return random_tensors()


@pytest.fixture(scope="module")
def weights(tensors, folder):
    return write_checkpoint(folder / "vggish_model.ckpt", tensors)


@pytest.fixture(scope="module")
def pca(tmp_path_factory):
    return write_pca(tmp_path_factory.mktemp("pca") / "vggish_pca_params.npz")


@pytest.fixture(scope="module")
def model(weights):
    return load_model("vggish", weights=weights)


@pytest.fixture(scope="module")
def sound():
    rng = np.random.default_rng(0)
    t = np.arange(48_000) / 16_000
    tone = 0.3 * np.sin(2 * np.pi * 440 * t * (1 + 0.1 * t))
    return (tone + 0.02 * rng.normal(size=t.size)).astype(np.float32)


def numpy_log_mel(window):
    frames = np.lib.stride_tricks.sliding_window_view(window, 400)[::160]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    magnitude = np.abs(np.fft.rfft(frames.astype(np.float64) * hann, 512))
    edges = np.linspace(*(1127 * np.log1p(np.array([125, 7500]) / 700)), 66)
    mel = 1127 * np.log1p(np.arange(257) * 31.25 / 700)
    bank = [np.interp(mel, edges[k : k + 3], [0, 1, 0]) for k in range(64)]
    return np.log(magnitude @ np.array(bank).T + 0.01)


def numpy_vggish(window, tensors):
    """Embed one window layer by layer as the model is published."""
    x = numpy_log_mel(window)[..., None].astype(np.float32)
    for name in (
        *("conv1", "pool", "conv2", "pool", "conv3/conv3_1", "conv3/conv3_2", "pool"),
        *("conv4/conv4_1", "conv4/conv4_2", "pool"),
    ):
        if name == "pool":
            height, width, n = x.shape
            x = x.reshape(height // 2, 2, width // 2, 2, n).max(axis=(1, 3))
            continue
        kernel = tensors[f"vggish/{name}/weights"]
        padded = np.pad(x, ((1, 1), (1, 1), (0, 0)))
        views = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(0, 1))
        x = np.tensordot(views, kernel, ((3, 4, 2), (0, 1, 2)))
        x = np.maximum(x + tensors[f"vggish/{name}/biases"], 0)
    x = x.reshape(-1)
    for name in ("fc1/fc1_1", "fc1/fc1_2"):
        x = x @ tensors[f"vggish/{name}/weights"] + tensors[f"vggish/{name}/biases"]
        x = np.maximum(x, 0)
    return x @ tensors["vggish/fc2/weights"] + tensors["vggish/fc2/biases"]


def recording(name):
    """Return a reference recording at 16 kHz, float32."""
    if name == "chirp_48k":
        return np.load(SHARED / "reference/models/resampled.npz")["chirp_48k/16000"]
    (path,) = (SHARED / "reference" / "audio").glob(f"{name}.*")
    return soundfile.read(path, dtype="float32")[0]


@pytest.fixture(scope="module")
def original(folder):
    """Return the model with the reference's weights, without and with postprocess."""
    made = runpy.run_path(str(SHARED / "reference" / "models" / "make_weights.py"))
    path = write_checkpoint(folder / "reference.ckpt", made["vggish_vars"]())
    hashes = (SHARED / "reference" / "models" / "weights.sha256").read_text()
    assert f"{sha256(Path(path).read_bytes()).hexdigest()}  vggish_model" in hashes
    np.savez(folder / "pca.npz", **made["pca"]())
    plain = load_model("vggish", weights=path, short="skip")
    options = {"weights": path, "pca": str(folder / "pca.npz"), "postprocess": True}
    return plain, load_model("vggish", short="skip", **options)


@reference("vggish")
@pytest.mark.parametrize("name", ["chirp_48k", "noise_16k", "short_16k", "tone3s_16k"])
def test_the_numbers_are_the_originals(original, name):
    plain, postprocessed = original
    stored = np.load(SHARED / "reference/models/vggish.npz")
    waveform = recording(name)
    values = plain.embed(waveform, 16_000).values
    expected = stored[f"{name}/emb"]
    assert values.shape == expected.shape
    if len(values) == 0:
        return
    mel = np.asarray(vggish.log_mel(plain.windows(waveform)))
    assert_allclose(mel, stored[f"{name}/logmel"], rtol=0, atol=1e-4)
    assert relative(values, expected).max() < 1e-4
    got = postprocessed.embed(waveform, 16_000).values
    off = np.abs(got - stored[f"{name}/pca_u8"])
    assert off.max() <= 1
    assert (off > 0).mean() <= 0.005


@reference("vggish")
def test_the_reference_and_the_official_components_load(original):
    stored = np.load(SHARED / "reference/models/vggish.npz")
    vectors, means = vggish.load_pca(original[1].spec.weights[1])
    assert_array_equal(vectors, stored["pca_eigen_vectors"])
    assert_array_equal(means, stored["pca_means"][:, 0])
    path = SHARED / "weights" / "vggish_pca_params.npz"
    if not path.is_file():
        pytest.skip(f"no {path}")
    vectors, means = vggish.load_pca(path)
    assert vectors.shape == (128, 128)
    assert means.shape == (128,)


def test_the_log_mel_is_that_of_its_formula(sound):
    got = np.asarray(vggish.log_mel(sound[None, :15_600]))[0]
    assert got.dtype == np.float32
    assert got.shape == (96, 64)
    assert_allclose(got, numpy_log_mel(sound[:15_600]), atol=1e-5)


def test_quiet_bands_next_to_a_loud_tone_are_not_rounding_errors():
    tone = np.sin(2 * np.pi * 1000 * np.arange(15_600) / 16_000).astype(np.float32)
    got = np.asarray(vggish.log_mel(tone[None]))[0]
    assert_allclose(got, numpy_log_mel(tone), atol=1e-5)


def test_the_embedding_is_that_of_a_plain_numpy_network(model, tensors, sound):
    expected = numpy_vggish(sound[:15_600], tensors)
    got = model.embed_windows(sound[None, :15_600])
    assert got.shape == (1, 128)
    assert relative(got, expected[None]).max() < 1e-5


def test_no_relu_follows_the_last_layer(model, sound):
    values = model.embed(sound, 16_000).values
    assert 0.2 < (values < 0).mean() < 0.8


def test_postprocessing_projects_clips_and_truncates(weights, pca, model, sound):
    arrays = np.load(pca)
    raw = model.embed(sound, 16_000).values.astype(np.float64)
    centred = raw.T - arrays["pca_means"]
    components = (arrays["pca_eigen_vectors"] @ centred).T.clip(-2, 2)
    expected = ((components + 2) * 63.75).astype(np.uint8)
    post = load_model("vggish", weights=weights, pca=pca, postprocess=True)
    got = post.embed(sound, 16_000).values
    assert got.dtype == np.float32
    assert_array_equal(got, expected)
    assert len(np.unique(got)) > 50


def test_bytes_are_cut_off_and_not_rounded():
    edges = np.array([-9, -2, -1.99, 0, 1.999, 2, 9], np.float64)
    assert_array_equal(vggish.quantise(edges), [0, 0, 0, 127, 254, 255, 255])


@pytest.mark.parametrize(
    ("n_samples", "n_windows"),
    [(15_599, 0), (15_600, 1), (30_959, 1), (30_960, 2), (48_000, 3), (160_000, 10)],
)
def test_what_fills_no_window_is_dropped(weights, n_samples, n_windows):
    framing = vggish.spec(weights=weights).framing
    assert framing.n_windows(n_samples) == n_windows


def test_a_recording_below_a_window_is_padded_skipped_or_refused(model, weights):
    assert model.embed(np.ones(300), 16_000).values.shape == (1, 128)
    skip = load_model("vggish", weights=weights, short="skip")
    assert skip.embed(np.ones(300), 16_000).values.shape == (0, 128)
    with pytest.raises(AudioError, match=r"needs at least 0\.975 s"):
        load_model("vggish", weights=weights, short="error").embed(np.ones(9), 16_000)


def test_the_same_input_gives_the_same_bytes_whatever_its_neighbours(model, sound):
    windows = model.windows(sound)
    first = model.embed_windows(windows)
    assert first.shape == (3, 128)
    assert_array_equal(first, model.embed_windows(windows))
    loud = np.random.default_rng(0).normal(size=(1, 15_600)).astype(np.float32)
    mixed = model.embed_windows(np.concatenate([loud, windows]))[1:]
    assert relative(mixed, first).max() < 1e-6


def test_silence_is_finite(model):
    assert np.isfinite(model.embed(np.zeros(16_000), 16_000).values).all()


def test_the_weights_are_the_files_that_decide_the_numbers(weights, pca):
    assert vggish.spec(weights=weights, pca=pca).weights == (Path(weights),)
    post = vggish.spec(weights=weights, pca=pca, postprocess=True)
    assert post.weights == (Path(weights), Path(pca))


def test_a_missing_file_is_reported_with_its_address(weights, tmp_path):
    absent = str(tmp_path / "absent")
    with pytest.raises(WeightsError, match=r"absent does not exist\. Fetch https://"):
        vggish.spec(weights=absent)
    with pytest.raises(WeightsError, match=r"absent does not exist.*_pca_params"):
        vggish.spec(weights=weights, pca=absent, postprocess=True)


def test_without_a_path_the_files_of_the_register_are_asked_for(monkeypatch, tmp_path):
    monkeypatch.setenv("EARSHIFT_WEIGHTS", str(tmp_path))
    spec = vggish.spec(postprocess=True)
    assert spec.weights == (
        tmp_path / "vggish_model.ckpt",
        tmp_path / "vggish_pca_params.npz",
    )
    with pytest.raises(WeightsError, match=r"vggish_model.ckpt does not exist.*make w"):
        vggish.network(spec)


def test_conversion_happens_once_and_needs_tensorflow_only_then(
    weights, tensors, cache, monkeypatch
):
    spec = vggish.spec(weights=weights)
    vggish.load_tensors(spec)
    (copy,) = cache.glob(
        f"vggish-{sha256(Path(weights).read_bytes()).hexdigest()[:9]}*"
    )
    monkeypatch.setattr(vggish, "_read_checkpoint", lambda _: pytest.fail("read again"))
    assert_array_equal(vggish.load_tensors(spec)[CONV], tensors[CONV])
    named = vggish.load_tensors(vggish.spec(weights=str(copy)))
    assert named.keys() == tensors.keys()


@pytest.mark.parametrize("fault", ["html", "empty", "truncated"])
def test_a_file_that_is_no_checkpoint_is_reported_with_its_address(
    fault, weights, tmp_path
):
    content = {
        "html": b"<!DOCTYPE html><html>404</html>",
        "empty": b"",
        "truncated": Path(weights).read_bytes()[:1_000_000],
    }[fault]
    path = tmp_path / "vggish_model.ckpt"
    path.write_bytes(content)
    message = rf"\({len(content)} bytes\) cannot be read.*Fetch https://"
    with pytest.raises(WeightsError, match=message):
        vggish.network(vggish.spec(weights=str(path)))


@pytest.fixture
def small(monkeypatch):
    """Give each tensor few values, so that many damaged files are soon written."""
    shapes = {name: (3,) * len(s) for name, s in vggish.tensor_shapes(None).items()}
    monkeypatch.setattr(vggish, "tensor_shapes", lambda _: shapes)
    return {name: np.ones(shape, np.float32) for name, shape in shapes.items()}


@pytest.mark.parametrize("fault", ["missing", "surplus", "shape", "nan"])
def test_a_damaged_tensor_is_named(fault, small, tmp_path):
    name = CONV
    if fault == "missing":
        del small[name]
    elif fault == "surplus":
        name = "vggish/fc3/biases"
        small[name] = np.zeros(3, np.float32)
    elif fault == "shape":
        small[name] = small[name][..., :-1]
    else:
        small[name] = np.full_like(small[name], np.nan)
    path = write_checkpoint(tmp_path / "damaged.ckpt", small)
    with pytest.raises(WeightsError, match=rf"vggish needs.*{name}.*Give the original"):
        vggish.load_tensors(vggish.spec(weights=path))


def test_the_optimisers_variables_are_left_out(small, tmp_path):
    training = {
        "global_step": np.int64(9),
        "beta1_power": np.float32(0.9),
        f"{CONV}/Adam": np.ones(3, np.float32),
        "mynet/fc/weights": np.ones(3, np.float32),
    }
    path = write_checkpoint(tmp_path / "full.ckpt", small | training)
    found = vggish.load_tensors(vggish.spec(weights=path))
    assert sorted(found) == sorted(small)


def test_a_tensor_of_the_official_size_is_asked_for(tensors, tmp_path):
    assert len(vggish.tensor_shapes(None)) == 18
    assert sum(array.size for array in tensors.values()) == 72_141_184
    wrong = {name: array[..., :3] for name, array in tensors.items()}
    path = write_checkpoint(tmp_path / "small.ckpt", wrong)
    with pytest.raises(
        WeightsError, match=r"'vggish/conv1/weights' of shape \(3, 3, 1"
    ):
        vggish.network(vggish.spec(weights=path))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pca_means": None}, r"lacks 1 \(pca_means\)"),
        ({"extra": np.zeros(3)}, r"beyond them, 1 \(extra\)"),
        ({"pca_means": np.zeros((1, 128))}, r"'pca_means' of shape \(128,\)"),
        ({"pca_eigen_vectors": np.zeros((128, 64))}, r"'pca_eigen_vectors' of shape"),
    ],
)
def test_damaged_components_are_named(changes, message, tmp_path):
    path = write_pca(tmp_path / "pca.npz", **changes)
    with pytest.raises(WeightsError, match=message):
        vggish.load_pca(Path(path))


def test_components_that_are_no_npz_are_refused(tmp_path):
    (tmp_path / "pca.npz").write_text("<html>")
    with pytest.raises(WeightsError, match=r"\.npz file of arrays is needed"):
        vggish.load_pca(tmp_path / "pca.npz")
