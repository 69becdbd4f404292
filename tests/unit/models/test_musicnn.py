"""MusiCNN: against the original's numbers, its own golden ones, and damaged weights."""

import os
import runpy

import numpy as np
import pytest
import soundfile
from numpy.testing import assert_allclose, assert_array_equal

from earshift import load_model
from earshift.errors import ConfigError, WeightsError
from earshift.models import musicnn
from tests.helpers.networks import relative
from tests.helpers.places import DATA
from tests.helpers.reference import SHARED, reference

NETWORKS = ("MSD_musicnn", "MTT_musicnn")
AUDIO = ("chirp_48k", "noise_16k", "tone3s_16k")


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    """Keep converted weights out of the user's cache."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EARSHIFT_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="module")
def sound():
    return runpy.run_path(str(DATA / "make_golden.py"))["sound"]()


@pytest.fixture(scope="module")
def model():
    return load_model("musicnn")


@pytest.fixture(scope="module")
def tensors(model):
    return dict(musicnn.load_tensors(model.spec))


def recording(name):
    """Return a reference recording at 16 kHz, float32."""
    if name == "chirp_48k":
        return np.load(SHARED / "reference/models/resampled.npz")["chirp_48k/16000"]
    path = SHARED / "reference" / "audio" / f"{name}.flac"
    return soundfile.read(path, dtype="float32")[0]


@reference("musicnn")
@pytest.mark.parametrize("name", AUDIO)
def test_the_log_mel_is_the_originals_within_a_float16_step(name):
    expected = np.load(SHARED / "reference/models/musicnn.npz")[f"mel/{name}"]
    padded = np.pad(recording(name), 256)[None]
    got = np.asarray(musicnn.log_mel(padded))[0]
    power, expected_power = (10.0**log - 1.0 for log in (got, expected))
    # float16 has 11 bits; 2e-3 allows for the smallest steps, of subnormals.
    step = np.maximum(expected_power * 2.0**-10, 1e4 * 2.0**-24)
    assert (np.abs(power - expected_power) <= 1.01 * step + 1e-5).all()


@reference("musicnn")
@pytest.mark.parametrize("variant", NETWORKS)
@pytest.mark.parametrize("layer", musicnn.LAYERS)
def test_the_embeddings_are_the_originals(variant, layer):
    stored = np.load(SHARED / "reference/models/musicnn.npz")
    waveforms = {name: recording(name) for name in AUDIO}
    network = load_model("musicnn", variant=variant, layer=layer).network
    for label, hop_s in (("False", None), ("1", 1.0), ("2", 2.0)):
        model = load_model("musicnn", variant=variant, layer=layer, hop_s=hop_s)
        model.network = network
        for name in AUDIO:
            got = model.embed(waveforms[name], 16_000).values
            expected = stored[f"{variant}/len3/ov{label}/{name}/{layer}"]
            assert got.shape == expected.shape
            if layer == "taggram":
                assert_allclose(got, expected, atol=2e-3)
                continue
            # The original repeats the first window's penultimate layer for all others.
            n = 1 if layer == "penultimate" else len(got)
            assert relative(got[:n], expected[:n]).max() < 5e-3


@reference("musicnn")
def test_the_taggram_follows_from_the_penultimate_layer_of_each_window():
    stored = np.load(SHARED / "reference/models/musicnn.npz")
    expected = stored["MSD_musicnn/len3/ov1/chirp_48k/taggram"]
    model = load_model("musicnn", hop_s=1.0)
    values = model.embed(recording("chirp_48k"), 16_000).values
    tensors = musicnn.load_tensors(model.spec)
    logits = values @ tensors["dense_1/kernel"] + tensors["dense_1/bias"]
    assert len(values) == 2
    assert_allclose(1 / (1 + np.exp(-logits)), expected, atol=2e-3)


@reference("musicnn")
def test_the_tags_name_the_instrument():
    folder = SHARED / "data" / "instruments" / "freesound"
    if not folder.is_dir():
        pytest.skip(f"no recordings of instruments in {folder}")
    model = load_model("musicnn", variant="MTT_musicnn", layer="taggram")
    column = {"guitar": 0, "violin": 12, "flute": 25, "cello": 43}
    for instrument, own in column.items():
        paths = sorted((folder / "audio").glob(f"{instrument}_*.flac"))[:12]
        assert paths
        waveforms = [soundfile.read(path, dtype="float32") for path in paths]
        tags = [model.embed(*clip).values.mean(axis=0) for clip in waveforms]
        mean = np.mean(tags, axis=0)
        rivals = [i for name, i in column.items() if name != instrument]
        assert (mean > mean[own]).sum() < 6, instrument
        assert mean[own] > np.mean(mean[rivals]), instrument


def numpy_vgg(mel, tensors):
    """Return the last pooling and the taggram of one log-mel spectrogram."""
    t = {name: values.astype(np.float64) for name, values in tensors.items()}

    def norm(x, name):
        gamma, beta, mean, variance = (
            t[f"{name}/{part}"]
            for part in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        return (x - mean) / np.sqrt(variance + 1e-3) * gamma + beta

    def views(x, size):
        return np.lib.stride_tricks.sliding_window_view(x, size, axis=(0, 1))

    x = norm(mel[..., None].astype(np.float64), "batch_normalization")
    pools = [((4, 1), 2), ((2, 2), 2), ((2, 2), 2), ((2, 2), 2), ((4, 4), 4)]
    for i, (size, stride) in enumerate(pools, start=1):
        padded = np.pad(x, ((1, 1), (1, 1), (0, 0)))
        x = np.tensordot(
            views(padded, (3, 3)), t[f"{i}CNN/kernel"], ((3, 4, 2), (0, 1, 2))
        )
        x = norm(np.maximum(x + t[f"{i}CNN/bias"], 0), f"batch_normalization_{i}")
        x = views(x, size)[::stride, ::stride].max(axis=(3, 4))
    last = x.reshape(-1)
    return last, 1 / (1 + np.exp(-last @ t["dense/kernel"] - t["dense/bias"]))


@pytest.mark.parametrize("variant", ["MSD_vgg", "MTT_vgg"])
def test_a_vgg_is_that_of_a_plain_numpy_network(variant, sound):
    models = [
        load_model("musicnn", variant=variant, layer=layer)
        for layer in ("penultimate", "taggram")
    ]
    windows = models[0].windows(sound)
    mel = np.asarray(musicnn.log_mel(windows))
    expected = numpy_vgg(mel[0], musicnn.load_tensors(models[0].spec))
    for model, values, n in zip(models, expected, (256, 50), strict=True):
        got = model.embed(sound, 16_000).values
        assert got.shape == (1, n)
        assert relative(got, values[None]).max() < 1e-4


def test_windows_follow_each_other_or_overlap():
    for hop_s, hop in ((None, 187), (1.0, 61), (2, 124)):
        framing = musicnn.spec(hop_s=hop_s).framing
        assert framing.window == 48_128
        assert framing.hop == hop * 256
        assert framing.min_samples == 47_616
    assert framing.n_windows(47_615) == 0
    assert framing.n_windows(47_616) == 1
    assert framing.n_windows(47_616 + 124 * 256) == 2


def test_the_same_input_gives_the_same_bytes_whatever_its_neighbours(model, sound):
    windows = np.stack([sound[:48_128], sound[-48_128:]])
    first = model.embed_windows(windows)
    assert first.shape == (2, 200)
    assert_array_equal(first, model.embed_windows(windows))
    loud = np.random.default_rng(0).normal(size=(1, 48_128)).astype(np.float32)
    mixed = model.embed_windows(np.concatenate([loud, windows]))[1:]
    assert relative(mixed, first).max() < 1e-6


def test_silence_and_a_short_sound_are_finite(model):
    for waveform in (np.zeros(16_000), np.ones(100)):
        values = model.embed(waveform, 16_000).values
        assert values.shape == (1, 200)
        assert np.isfinite(values).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"variant": "MSD_vg"}, r"no variant 'MSD_vg' .*Did you mean 'MSD_vgg'\?"),
        ({"layer": "penultimat"}, r"no layer.*Did you mean 'penultimate'\?"),
        ({"layer": "mean_pool", "variant": "MTT_vgg"}, r"MTT_vgg has no.*penultimate"),
        ({"hop_s": 0.01}, r"at least 0\.032 s.*got 0\.01"),
    ],
)
def test_a_wrong_option_is_refused_with_the_right_ones(options, message):
    with pytest.raises(ConfigError, match=message):
        musicnn.spec(**options)


def test_the_weights_are_the_files_that_decide_the_numbers(model):
    names = {path.name for path in model.spec.weights}
    assert names == {".data-00000-of-00001", ".index"}


def test_a_missing_checkpoint_is_reported_with_a_remedy(tmp_path):
    with pytest.raises(
        WeightsError, match=r"\.data-00000.*does not exist.*pip install"
    ):
        musicnn.spec(weights=str(tmp_path))


def test_a_converted_copy_gives_the_same_numbers(model, tensors, sound, tmp_path):
    np.savez(tmp_path / "copy.npz", **tensors)
    copy = load_model("musicnn", weights=str(tmp_path / "copy.npz"))
    assert_array_equal(
        copy.embed(sound, 16_000).values, model.embed(sound, 16_000).values
    )


@pytest.mark.parametrize("fault", ["missing", "surplus", "shape", "nan", "double"])
def test_a_damaged_tensor_is_named(fault, tensors, tmp_path):
    name = "conv2d_3/kernel"
    changed = dict(tensors)
    if fault == "missing":
        del changed[name]
    elif fault == "surplus":
        name = "conv2d_9/kernel"
        changed[name] = np.zeros(3, np.float32)
    elif fault == "shape":
        changed[name] = changed[name].swapaxes(0, 1)
    elif fault == "nan":
        changed[name] = np.full_like(changed[name], np.nan)
    else:
        changed[name] = changed[name].astype(np.float64)
    np.savez(tmp_path / "w.npz", **changed)
    model = load_model("musicnn", weights=str(tmp_path / "w.npz"))
    with pytest.raises(WeightsError, match=rf"MSD_musicnn.*{name}"):
        _ = model.network


def write_checkpoint(folder, tensors):
    import tensorflow as tf

    folder.mkdir()
    names = sorted(tensors)
    values = [tf.constant(tensors[name]) for name in names]
    tf.raw_ops.SaveV2(
        prefix=f"{folder}{os.sep}",
        tensor_names=names,
        shape_and_slices=[""] * len(names),
        tensors=values,
    )


def test_the_optimisers_variables_of_a_checkpoint_are_left_out(tensors, tmp_path):
    training = {
        "dense/kernel/Adam": np.zeros(3, np.float32),
        "global_step": np.int64(9),
    }
    write_checkpoint(tmp_path / "full", tensors | training)
    found = musicnn.load_tensors(musicnn.spec(weights=str(tmp_path / "full")))
    assert sorted(found) == sorted(tensors)
    for name, values in tensors.items():
        assert_array_equal(found[name], values)


@pytest.mark.parametrize("fault", ["missing", "surplus", "shape"])
def test_a_damaged_checkpoint_names_the_tensor(fault, tensors, tmp_path):
    name = "dense_1/bias"
    changed = {key: value for key, value in tensors.items() if key != name}
    if fault == "surplus":
        changed |= {name: tensors[name], "dense_2/bias": tensors[name]}
        name = "dense_2/bias"
    elif fault == "shape":
        changed[name] = tensors[name][:49]
    write_checkpoint(tmp_path / "damaged", changed)
    with pytest.raises(WeightsError, match=rf"MSD_musicnn needs.*{name}"):
        musicnn.load_tensors(musicnn.spec(weights=str(tmp_path / "damaged")))


def test_another_networks_checkpoint_is_refused(model):
    other = model.spec.weights[0].parents[1] / "MSD_vgg"
    with pytest.raises(WeightsError, match=r"needs 64 tensors.*lacks.*1CNN/bias"):
        musicnn.load_tensors(musicnn.spec(weights=str(other)))


def test_a_truncated_checkpoint_is_refused(model, tmp_path):
    for path in model.spec.weights:
        content = path.read_bytes()
        half = len(content) // 2 if "data" in path.name else len(content)
        (tmp_path / path.name).write_bytes(content[:half])
    with pytest.raises(WeightsError, match=r"cannot be read.*musicnn==0\.1\.0"):
        musicnn.load_tensors(musicnn.spec(weights=str(tmp_path)))


def test_conversion_happens_once_and_a_damaged_copy_is_made_anew(
    model, tensors, tmp_path, monkeypatch
):
    monkeypatch.setenv("EARSHIFT_CACHE", str(tmp_path))
    musicnn.load_tensors(model.spec)
    (copy,) = tmp_path.iterdir()
    with np.load(copy) as file:
        assert len(str(file["source_sha256"])) == 64
    before = copy.stat().st_mtime_ns
    musicnn.load_tensors(model.spec)
    assert copy.stat().st_mtime_ns == before
    copy.write_bytes(copy.read_bytes()[:1000])
    again = musicnn.load_tensors(model.spec)
    assert copy.stat().st_size > 1000
    assert_array_equal(again["dense/kernel"], tensors["dense/kernel"])


def test_a_cache_that_cannot_be_written_is_done_without(model, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("EARSHIFT_CACHE", str(tmp_path / "file" / "cache"))
    assert len(musicnn.load_tensors(model.spec)) == 64
