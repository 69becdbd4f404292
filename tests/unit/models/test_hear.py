"""Modules with the HEAR API: real ones, written by the test, against NumPy."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from numpy.testing import assert_allclose, assert_array_equal

from earshift import files, load_model, open_embeddings, store
from earshift.audio import reading
from earshift.errors import AudioError, ConfigError, DataError, WeightsError
from earshift.models import hear
from earshift.stages.clips import listing
from earshift.stages.embeddings import region_files
from tests.helpers import stage2
from tests.helpers.tones import tone

#: Energies in the quarters of 25 ms, times a matrix; the scene is their mean.
MODULE = """
import numpy as np
import tensorflow as tf

class Model(tf.Module):
    sample_rate = 16000
    timestamp_embedding_size = 3
    scene_embedding_size = 4

    def __init__(self, matrix):
        super().__init__()
        self.matrix = tf.Variable(matrix)

def load_model(model_file_path=""):
    matrix = np.arange(12, dtype="float32").reshape(4, 3)
    return Model(np.load(model_file_path) if model_file_path else matrix)

def energies(audio):
    n = audio.shape[1] // 400
    assert n > 0, "audio is too short"
    parts = tf.reshape(audio[:, : 400 * n], (len(audio), n, 4, 100))
    return tf.reduce_mean(parts ** 2, axis=3)

def get_timestamp_embeddings(audio, model):
    frames = energies(audio) @ model.matrix
    centres = 12.5 + 25.0 * tf.range(frames.shape[1], dtype=tf.float32)
    return frames, tf.repeat(centres[None], len(audio), axis=0)

def get_scene_embeddings(audio, model):
    return tf.reduce_mean(energies(audio), axis=1)
"""

MATRIX = np.arange(12, dtype=np.float32).reshape(4, 3)
FACTS = {"sample_rate_hz": 16_000, "n_features": 3}

TORCH_MODULE = """
import torch

class Model(torch.nn.Module):
    sample_rate = 16000
    timestamp_embedding_size = 3

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(4, 3, bias=False)
        self.drop = torch.nn.Dropout(0.9)
        self.layer.weight.data = torch.arange(12.0).reshape(4, 3).T.contiguous()

def load_model(model_file_path=""):
    return Model()

def get_timestamp_embeddings(audio, model):
    assert not torch.is_grad_enabled()
    n = audio.shape[1] // 400
    parts = audio[:, : 400 * n].reshape(len(audio), n, 4, 100)
    frames = model.drop(model.layer((parts ** 2).mean(3)))
    return frames, (12.5 + 25 * torch.arange(n)).repeat(len(audio), 1)
"""


def energies(samples):
    """The energies that `MODULE` takes of a waveform, (n_frames, 4)."""
    n = len(samples) // 400
    return (samples[: 400 * n].reshape(n, 4, 100).astype(float) ** 2).mean(axis=2)


def edited(old, new):
    """The module with one part replaced."""
    assert old in MODULE
    return MODULE.replace(old, new)


@pytest.fixture
def write(tmp_path):
    """A function that writes a module and returns its path."""

    def write_module(text=MODULE, name="module.py"):
        (tmp_path / name).write_text(text)
        return str(tmp_path / name)

    return write_module


@pytest.fixture
def sound():
    return tone(440, 1.01).astype(np.float32)


def test_frames_and_times_are_those_of_the_module(write, sound):
    model = load_model("hear", module=write(), hop_s=0.025, **FACTS)
    frames = model.embed(sound, 16_000)
    assert frames.values.dtype == np.float32
    assert_allclose(frames.values, energies(sound) @ MATRIX, rtol=1e-5)
    assert_allclose(frames.time_s, 0.025 * np.arange(40))


def test_without_a_hop_the_times_are_unknown(write, sound):
    frames = load_model("hear", module=write(), **FACTS).embed(sound, 16_000)
    assert len(frames.values) == 40
    assert_array_equal(frames.time_s, np.full(40, np.nan))


def test_a_waveform_of_another_rate_is_resampled(write):
    given = tone(440, 1.0, 44_100)
    frames = load_model("hear", module=write(), **FACTS).embed(given, 44_100)
    samples = reading.prepare(given, 44_100, 16_000, "soxr_hq")
    assert len(samples) == 16_000
    assert_allclose(frames.values, energies(samples) @ MATRIX, rtol=1e-5)


def test_a_scene_is_one_frame(write, sound):
    facts = FACTS | {"n_features": 4, "embedding": "scene"}
    frames = load_model("hear", module=write(), **facts).embed(sound, 16_000)
    assert_allclose(frames.values, [energies(sound).mean(axis=0)], rtol=1e-5)


def test_a_weights_file_reaches_the_model_and_the_provenance(write, sound, tmp_path):
    file, matrix = tmp_path / "matrix.npy", MATRIX[::-1].copy()
    np.save(file, matrix)
    module = write()
    model = load_model("hear", module=module, weights=str(file), **FACTS)
    assert model.spec.weights == (Path(module), file)
    values = model.embed(sound, 16_000).values
    assert_allclose(values, energies(sound) @ matrix, rtol=1e-5)


def test_weights_in_a_folder_are_its_files_in_order(tmp_path):
    folder = tmp_path / "weights"
    names = ["a/2.bin", "a/10.bin", "b.bin", "__pycache__/b.pyc"]
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    spec = hear.spec(module="some.module", weights=str(folder), **FACTS)
    assert spec.weights == tuple(folder / n for n in ("a/10.bin", "a/2.bin", "b.bin"))
    assert len({files.file_hash(file) for file in spec.weights}) == 3


def test_a_module_is_imported_by_its_name(write, sound, monkeypatch):
    module = Path(write(name="hear_by_name.py"))
    monkeypatch.syspath_prepend(str(module.parent))
    model = load_model("hear", module="hear_by_name", **FACTS)
    assert model.spec.weights == ()
    values = model.embed(sound, 16_000).values
    assert_allclose(values, energies(sound) @ MATRIX, rtol=1e-5)


def test_the_package_of_an_installed_module_is_recorded():
    options = hear.spec(module="soundfile.sub", **FACTS).options
    assert options["package"] == f"soundfile {soundfile.__version__}"
    assert hear.spec(module="nowhere_to_be_found", **FACTS).options["package"] is None


def test_a_keras_model_is_taken_too(write, sound):
    changes = {
        "import tensorflow as tf": "import keras\nimport tensorflow as tf",
        "Model(tf.Module)": "Model(keras.Model)",
    }
    text = MODULE
    for old, new in changes.items():
        text = text.replace(old, new)
    values = load_model("hear", module=write(text), **FACTS).embed(sound, 16_000).values
    assert_allclose(values, energies(sound) @ MATRIX, rtol=1e-5)


def test_a_torch_model_runs_without_gradient_and_without_dropout(write, sound):
    pytest.importorskip("torch")
    module = write(TORCH_MODULE)
    frames = load_model("hear", module=module, hop_s=0.025, **FACTS).embed(
        sound, 16_000
    )
    assert_allclose(frames.values, energies(sound) @ MATRIX, rtol=1e-5)
    assert len(frames.time_s) == 40


def test_the_facts_are_at_hand_without_importing_the_module(write):
    module = write("raise RuntimeError('imported')")
    model = load_model("hear", module=module, **FACTS)
    assert (model.spec.sample_rate_hz, model.spec.n_features) == (16_000, 3)
    with pytest.raises(ConfigError, match=r"module\.py' cannot be imported .*imported"):
        _ = model.network


def test_a_clip_too_short_is_padded_skipped_or_refused(write):
    options = {"module": write(), "min_s": 0.05, **FACTS}
    short = tone(440, 0.03).astype(np.float32)
    padded = load_model("hear", short="pad", **options).embed(short, 16_000).values
    filled = np.pad(short, (0, 320))
    assert_allclose(padded, energies(filled) @ MATRIX, rtol=1e-5)
    skipped = load_model("hear", short="skip", **options).embed(short, 16_000).values
    assert skipped.shape == (0, 3)
    with pytest.raises(AudioError, match=r"at least 0\.050 s, got 0\.030 s"):
        load_model("hear", short="error", **options).embed(short, 16_000)


def test_a_clip_on_which_the_module_fails_is_told_with_its_length(write):
    model = load_model("hear", module=write(), **FACTS)
    with pytest.raises(
        DataError, match=r"399 samples \(0\.025 s\): AssertionError.*short.*set min_s"
    ):
        model.embed(np.ones(399, np.float32), 16_000)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"embedding": "clip"}, ConfigError, "no embedding 'clip' .*scene, timestamp"),
        ({"embedding": "scene", "hop_s": 1.0}, ConfigError, "one frame: leave hop_s"),
        (
            {"sample_rate_hz": 16000.5},
            ConfigError,
            "must be a whole number, got 16000.5",
        ),
        ({"n_features": 0}, ConfigError, "'n_features' must be .* got 0"),
        ({"hop_s": -1}, ConfigError, "'hop_s' must be a number above 0, got -1"),
        ({"min_s": float("inf")}, ConfigError, "min_s must be .* got inf"),
        ({"module": "no/such.py"}, ConfigError, r"such\.py' does not exist \(looked"),
        ({"weights": "no/such"}, WeightsError, "no/such does not exist. Correct"),
    ],
)
def test_an_option_that_cannot_be_is_refused_before_anything_is_loaded(
    options, error, message
):
    given = {"module": "some.module"} | FACTS | options
    with pytest.raises(error, match=message):
        load_model("hear", **given)


def test_an_empty_folder_of_weights_is_refused(tmp_path):
    with pytest.raises(WeightsError, match=f"{re.escape(str(tmp_path))} is empty"):
        hear.spec(module="some.module", weights=str(tmp_path), **FACTS)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"sample_rate_hz": 22_050},
            "sample_rate = 16000.*22050: set sample_rate_hz: 16",
        ),
        ({"n_features": 7}, "timestamp_embedding_size = 3.* 7: set n_features: 3"),
        ({"embedding": "scene"}, "scene_embedding_size = 4.* 3: set n_features: 4"),
        ({"hop_s": 0.02}, r"0\.025 to 0\.025 s apart.*hop_s: 0\.02: set hop_s: 0\.025"),
    ],
)
def test_what_contradicts_the_module_is_named_with_the_right_value(
    write, sound, options, message
):
    model = load_model("hear", module=write(), **FACTS | options)
    with pytest.raises(ConfigError, match=message):
        model.embed(sound, 16_000)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "def load_model",
            "def load",
            "must define load_model and .* lacks load_model",
        ),
        (
            "def get_timestamp_embeddings",
            "def get",
            "lacks get_timestamp_embeddings: see https",
        ),
        ("    sample_rate = 16000", "", "the model of .* lacks sample_rate"),
        (
            "Model(tf.Module)",
            "Model",
            "must be a torch.nn.Module or a tf.Module.* Model",
        ),
        (
            "import numpy",
            "import nowhere_to_be_found",
            "cannot be imported.*Install it",
        ),
        (
            "timestamp_embedding_size = 3",
            "timestamp_embedding_size = 9",
            "= 9.* 3: set",
        ),
        ("@ model.matrix", "", "gives 4 features a frame.*says 3: set n_features: 4"),
        (
            "    return frames,",
            "    return frames[..., None],",
            r"gives \(1, 40, 3, 1\)",
        ),
        (
            ", tf.repeat(centres[None], len(audio), axis=0)",
            "",
            "0 timestamps.*leave hop",
        ),
        ("25.0 * tf.range", "25.0 * 1.1 ** tf.range", "leave it out if they are irreg"),
    ],
)
def test_a_module_that_breaks_the_api_is_told_how(write, sound, old, new, message):
    text = edited(old, new)
    with pytest.raises(ConfigError, match=message):
        load_model("hear", module=write(text), hop_s=0.025, **FACTS).embed(
            sound, 16_000
        )


@pytest.mark.parametrize("given", [False, True])
def test_a_model_that_cannot_be_loaded_is_told_with_its_weights(write, tmp_path, given):
    (tmp_path / "matrix.npy").write_text("no matrix")
    weights = str(tmp_path / "matrix.npy") if given else None
    module = write(edited(" if model_file_path else matrix", ""))
    model = load_model("hear", module=module, weights=weights, **FACTS)
    said = r"matrix\.npy \(" if given else r"no weights \(FileNotFoundError"
    with pytest.raises(WeightsError, match=rf"from .*{said}.*Set 'weights'"):
        _ = model.network


def test_stage_2_stores_the_frames_of_each_clip(write, tmp_path):
    entry = {"plugin": "hear", "module": write(), "hop_s": 0.025, **FACTS}
    folder = tmp_path / "data"
    folder.mkdir()
    sounds = {
        "a.wav": (tone(220, 0.5, 16_000), 16_000),
        "b.wav": (tone(440, 1.3, 44_100), 44_100),
        "c.wav": (tone(880, 0.5, 16_000), 16_000),
    }
    for name, (samples, rate) in sounds.items():
        soundfile.write(folder / name, samples, rate)
    rows = [(name, "x", name) for name in sounds]
    listed = pd.DataFrame(rows, columns=["path", "label", "recording"])
    listed.to_csv(folder / "clips.csv", index=False)
    table = stage2.list_clips(folder, tmp_path)
    plan, _ = stage2.extract(table, tmp_path, 2, entry, max_bad_clips=0)
    found = open_embeddings(region_files.location_of(plan)).load()
    facts = store.attributes(region_files.location_of(plan))
    assert facts["weights_sha256"] == [files.file_hash(Path(entry["module"]))]
    assert (facts["options"]["embedding"], facts["hop_s"]) == ("timestamp", 0.025)
    model = load_model(**{"name" if k == "plugin" else k: v for k, v in entry.items()})
    counts = {}
    for row in listing.usable(table).itertuples():
        expected = model.embed(*soundfile.read(row.path, dtype="float32"))
        own = found.isel(frame=np.flatnonzero(found.clip_id == row.clip_id))
        assert_allclose(own.embedding, expected.values, rtol=1e-6)
        assert_allclose(own.time_s, expected.time_s)
        counts[row.clip_id] = len(own.frame)
    assert counts == {"a.wav": 20, "b.wav": 52, "c.wav": 20}


def test_a_module_whose_code_changed_is_another_model(write):
    before = hear.spec(module=write(), **FACTS).weights
    digest = files.file_hash(*before)
    after = hear.spec(module=write(edited("25.0", "20.0")), **FACTS).weights
    assert before == after
    assert files.file_hash(*after) != digest
