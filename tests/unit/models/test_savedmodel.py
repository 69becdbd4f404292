"""SavedModels: real ones, saved by the test, against NumPy."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from numpy.testing import assert_allclose

from earshift import load_model, open_embeddings, store
from earshift.audio import reading
from earshift.errors import AudioError, ConfigError, DataError, WeightsError
from earshift.files import file_hash
from earshift.models import savedmodel
from earshift.runs import settings
from earshift.stages.clips import listing
from earshift.stages.embeddings import region_files
from tests.helpers import stage2
from tests.helpers.config import SCHEMA
from tests.helpers.tones import tone

FACTS = {"sample_rate_hz": 16_000, "n_features": 3}

#: What the models of this file multiply frames of 400 samples with.
MATRIX = np.random.default_rng(0).normal(size=(400, 3)).astype(np.float32)


def frames_of(samples):
    """Frames of 25 ms of a waveform, times the matrix, (n_frames, 3)."""
    n = len(samples) // 400
    return samples[: 400 * n].reshape(n, 400).astype(float) @ MATRIX


def declare(shape, dtype="float32"):
    """What an argument of a saved function must be."""
    import tensorflow as tf

    return tf.TensorSpec(shape, dtype)


def save(folder, make, *inputs, signature=False):
    """Save the function ``make(matrix)`` of these inputs; return the folder.

    It makes the saved object callable, or becomes its signature.
    """
    import tensorflow as tf

    module = tf.Module()
    module.matrix = tf.Variable(MATRIX)
    function = tf.function(make(module.matrix), input_signature=inputs)
    if not signature:
        module.__call__ = function
    signatures = {"serving_default": function} if signature else None
    tf.saved_model.save(module, str(folder), signatures)
    return str(folder)


def project(samples, matrix):
    """`frames_of` in TensorFlow, over the last axis."""
    import tensorflow as tf

    return tf.signal.frame(samples, 400, 400) @ tf.cast(matrix, samples.dtype)


def plain(matrix):
    return lambda waveform: project(waveform, matrix)


def mapping(matrix):
    return lambda samples: {"embedding": project(samples, matrix), "layer19": samples}


def several(matrix):
    return lambda waveform: (waveform, project(waveform, matrix), waveform[:, None])


def rated(matrix):
    """A model whose numbers show which sample rate it was given."""
    import tensorflow as tf

    def call(samples, sample_rate):
        return project(samples, matrix) * tf.cast(sample_rate, tf.float32) / 16_000

    return call


@pytest.fixture
def sound():
    return tone(440, 1.01).astype(np.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model of a waveform of any length."""
    return save(tmp_path_factory.mktemp("model") / "plain", plain, declare([None]))


@pytest.mark.parametrize(
    ("make", "inputs", "options", "signature"),
    [
        (plain, [[None]], {}, False),
        (plain, [[None]], {}, True),
        (plain, [[None, None]], {}, False),
        (plain, [[None, None]], {}, True),
        (plain, [[1, None]], {}, False),
        (plain, [None], {}, False),
        (mapping, [[None]], {"output": "embedding"}, False),
        (mapping, [[None, None]], {"output": "embedding"}, True),
        (several, [[None]], {"output": 1}, False),
        (several, [[None]], {"output": "1"}, False),
        (rated, [[None], []], {}, False),
        (rated, [[None, None], []], {}, True),
    ],
)
def test_a_waveform_goes_in_as_the_model_declares_it(
    tmp_path, sound, make, inputs, options, signature
):
    specs = [declare(shape) for shape in inputs]
    folder = save(tmp_path / "model", make, *specs, signature=signature)
    model = load_model("savedmodel", weights=folder, hop_s=0.025, **FACTS, **options)
    frames = model.embed(sound, 16_000)
    assert frames.values.dtype == np.float32
    assert_allclose(frames.values, frames_of(sound), rtol=1e-4, atol=1e-5)
    assert_allclose(frames.time_s, 0.025 * np.arange(40))


def test_the_sample_rate_that_the_model_gets_is_that_of_the_config(tmp_path, sound):
    inputs = declare([None]), declare([], "int32")
    folder = save(tmp_path / "model", rated, *inputs)
    facts = FACTS | {"sample_rate_hz": 8_000}
    values = (
        load_model("savedmodel", weights=folder, **facts).embed(sound, 8_000).values
    )
    assert_allclose(values, 0.5 * frames_of(sound), rtol=1e-4, atol=1e-5)


def test_a_waveform_of_another_rate_is_resampled(folder):
    given = tone(440, 1.0, 44_100)
    values = (
        load_model("savedmodel", weights=folder, **FACTS).embed(given, 44_100).values
    )
    samples = reading.prepare(given, 44_100, 16_000, "soxr_hq")
    assert len(samples) == 16_000
    assert_allclose(values, frames_of(samples), rtol=1e-4, atol=1e-5)


def test_one_embedding_without_a_frame_axis_is_one_frame(tmp_path, sound):
    import tensorflow as tf

    def mean(matrix):
        return lambda waveform: tf.reduce_mean(project(waveform, matrix), axis=0)

    folder = save(tmp_path / "model", mean, declare([None]))
    values = (
        load_model("savedmodel", weights=folder, **FACTS).embed(sound, 16_000).values
    )
    expected = frames_of(sound).mean(axis=0)
    assert_allclose(values, [expected], rtol=1e-4, atol=1e-5)


def test_of_several_traces_the_one_for_inference_at_this_rate_is_called(
    tmp_path, sound
):
    import tensorflow as tf

    class Traced(tf.Module):
        @tf.function
        def __call__(self, samples, sample_rate, training=False):
            samples = tf.cast(samples, tf.float32)
            return project(samples, MATRIX) * (7.0 if training else sample_rate / 8_000)

    module = Traced()
    for dtype, rate, training in [
        ("int16", 16_000, False),
        ("float64", 16_000, False),
        ("float32", 16_000, True),
        ("float32", 8_000, False),
        ("float32", 16_000, False),
    ]:
        module.__call__.get_concrete_function(declare([None], dtype), rate, training)
    tf.saved_model.save(module, str(tmp_path / "model"))
    weights = str(tmp_path / "model")
    values = (
        load_model("savedmodel", weights=weights, **FACTS).embed(sound, 16_000).values
    )
    assert_allclose(values, 2 * frames_of(sound), rtol=1e-4, atol=1e-5)
    facts = FACTS | {"sample_rate_hz": 22_050}
    with pytest.raises(ConfigError, match=r"here 22050.*It has: .*Literal\[16000\]"):
        _ = load_model("savedmodel", weights=weights, **facts).network


def test_a_keras_export_is_called_by_its_signature(tmp_path, sound):
    from earshift.models._keras import load_keras

    keras = load_keras()
    inputs = keras.Input((None,))
    frames = keras.layers.Reshape((-1, 400))(inputs)
    outputs = keras.layers.Dense(3, use_bias=False)(frames)
    model = keras.Model(inputs, outputs)
    model.set_weights([MATRIX])
    model.export(str(tmp_path / "model"), verbose=False)
    whole = sound[:16_000]
    weights = str(tmp_path / "model")
    values = (
        load_model("savedmodel", weights=weights, **FACTS).embed(whole, 16_000).values
    )
    assert_allclose(values, frames_of(whole), rtol=1e-4, atol=1e-5)


def test_all_files_of_the_folder_are_the_weights(folder):
    spec = savedmodel.spec(weights=folder, **FACTS)
    names = [str(file.relative_to(folder)) for file in spec.weights]
    assert names == sorted(names)
    assert {"saved_model.pb", "variables/variables.index"} <= set(names)
    assert all(len(file_hash(file)) == 64 for file in spec.weights)


def test_the_facts_are_at_hand_without_loading_the_model(tmp_path):
    (tmp_path / "saved_model.pb").write_text("damaged")
    model = load_model("savedmodel", weights=str(tmp_path), min_s=0.5, **FACTS)
    assert (model.spec.n_features, model.spec.min_s) == (3, 0.5)
    with pytest.raises(WeightsError, match=r"cannot be loaded \(OSError.*Fetch or exp"):
        _ = model.network


def test_damaged_variables_are_refused(tmp_path):
    folder = save(tmp_path / "model", plain, declare([None]))
    file = next(Path(folder).glob("variables/*.data*"))
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(
        WeightsError, match=r"model cannot be loaded \(.*Fetch or export"
    ):
        _ = load_model("savedmodel", weights=folder, **FACTS).network


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("", "needed, but .* has none. Give the folder"),
        ("model.tar.gz", r"model\.tar\.gz is no folder.*unpacked \(tar -xzf\)"),
        ("nowhere", "nowhere is no folder. Give"),
    ],
)
def test_a_path_without_a_model_is_refused(tmp_path, given, message):
    (tmp_path / "model.tar.gz").write_text("packed")
    with pytest.raises(WeightsError, match=message):
        load_model("savedmodel", weights=str(tmp_path / given), **FACTS)


@pytest.mark.parametrize(
    ("make", "output", "message"),
    [
        (mapping, None, r"gives .*embedding \(None, 3\).*layer19 \(None,\).* is None"),
        (mapping, "embedded", r"embedding \(None, 3\).*'output' must .* is 'embedded'"),
        (several, None, r"gives 0 \(None,\), 1 \(None, 3\), 2 \(None, 1\); 'output'"),
        (several, 3, "'output' must be one of them, and is 3: set it in the config"),
        (plain, "embedding", r"gives 0 \(None, 3\); .* is 'embedding'"),
    ],
)
def test_an_output_that_is_not_clear_is_refused_with_those_there_are(
    tmp_path, make, output, message
):
    folder = save(tmp_path / "model", make, declare([None]))
    with pytest.raises(ConfigError, match=message):
        _ = load_model("savedmodel", weights=folder, output=output, **FACTS).network


def test_another_width_or_rank_is_refused_with_the_right_value(tmp_path, folder, sound):
    facts = FACTS | {"n_features": 512}
    with pytest.raises(
        ConfigError, match=r"3 features a frame.* 512: set n_features: 3"
    ):
        load_model("savedmodel", weights=folder, **facts).embed(sound, 16_000)
    folder = save(tmp_path / "model", several, declare([None]))
    options = {"output": 0, **FACTS}
    with pytest.raises(ConfigError, match="16160 features a frame"):
        load_model("savedmodel", weights=folder, **options).embed(sound, 16_000)


@pytest.mark.parametrize(
    ("make", "shapes", "told"),
    [
        (plain, [[15_600]], r"__call__\(waveform: TensorSpec\(shape=\(15600,\)"),
        (plain, [[None, 15_600]], r"shape=\(None, 15600\)"),
        (rated, [[None], [None]], r"sample_rate: TensorSpec\(shape=\(None,\)"),
    ],
)
def test_a_model_that_takes_something_else_is_refused_with_what_it_takes(
    tmp_path, make, shapes, told
):
    folder = save(tmp_path / "model", make, *map(declare, shapes))
    with pytest.raises(
        ConfigError, match=rf"one waveform of any length.*has: .*{told}"
    ):
        _ = load_model("savedmodel", weights=folder, **FACTS).network


def test_a_model_without_a_function_is_refused(tmp_path):
    import tensorflow as tf

    tf.saved_model.save(tf.Module(), str(tmp_path))
    with pytest.raises(ConfigError, match=r"It has: no function\. Export"):
        _ = load_model("savedmodel", weights=str(tmp_path), **FACTS).network


def test_a_clip_too_short_is_padded_skipped_or_refused(folder):
    options = {"weights": folder, "min_s": 0.05, **FACTS}
    short = tone(440, 0.03).astype(np.float32)
    padded = load_model("savedmodel", short="pad", **options).embed(short, 16_000)
    filled = np.pad(short, (0, 320))
    assert_allclose(padded.values, frames_of(filled), rtol=1e-4, atol=1e-5)
    skipped = load_model("savedmodel", short="skip", **options).embed(short, 16_000)
    assert skipped.values.shape == (0, 3)
    with pytest.raises(AudioError, match=r"at least 0\.050 s, got 0\.030 s"):
        load_model("savedmodel", short="error", **options).embed(short, 16_000)


def test_a_clip_on_which_the_model_fails_is_told_with_its_length(tmp_path):
    import tensorflow as tf

    def strict(matrix):
        return lambda waveform: tf.reshape(waveform, (-1, 400)) @ matrix

    folder = save(tmp_path / "model", strict, declare([None]))
    model = load_model("savedmodel", weights=folder, **FACTS)
    with pytest.raises(
        DataError, match=r"on a clip of 399 samples \(0\.025 s\): InvalidArg.*set min_s"
    ):
        model.embed(np.ones(399, np.float32), 16_000)


def test_stage_2_stores_the_frames_of_each_clip(tmp_path):
    weights = save(tmp_path / "model", mapping, declare([None, None]))
    options = {"weights": weights, "output": "embedding", "hop_s": 0.025, **FACTS}
    entry = {"plugin": "savedmodel", **options}
    data = tmp_path / "data"
    data.mkdir()
    for name, seconds, rate in [
        ("a", 0.5, 16_000),
        ("b", 1.3, 44_100),
        ("c", 0.5, 16_000),
    ]:
        soundfile.write(data / f"{name}.wav", tone(220, seconds, rate), rate)
    listed = pd.DataFrame({"path": ["a.wav", "b.wav", "c.wav"], "label": "x"})
    listed.assign(recording=listed["path"]).to_csv(data / "clips.csv", index=False)
    table = stage2.list_clips(data, tmp_path)
    plan, _ = stage2.extract(table, tmp_path, 2, entry, max_bad_clips=0)
    found = open_embeddings(region_files.location_of(plan)).load()
    facts = store.attributes(region_files.location_of(plan))
    files = sorted(f for f in Path(weights).rglob("*") if f.is_file())
    assert facts["weights_sha256"] == [file_hash(file) for file in files]
    assert (facts["options"]["output"], facts["window_s"]) == ("embedding", None)
    model = load_model("savedmodel", **options)
    counts = {}
    for row in listing.usable(table).itertuples():
        samples, rate = soundfile.read(row.path, dtype="float32")
        expected = model.embed(samples, rate)
        own = found.isel(frame=np.flatnonzero(found.clip_id == row.clip_id))
        assert_allclose(own.embedding, expected.values, rtol=1e-5, atol=1e-6)
        assert_allclose(own.time_s, expected.time_s)
        counts[row.clip_id] = len(own.frame)
    assert counts == {"a.wav": 20, "b.wav": 52, "c.wav": 20}


def test_a_config_may_hold_both_adapters(folder):
    hear = {"plugin": "hear", "module": "hearbaseline.naive"}
    config = {
        "datasets": {n: {"plugin": "table", "folder": n} for n in ("a", "b")},
        "models": {
            "trill": {"plugin": "savedmodel", "weights": folder, **FACTS},
            "baseline": {**hear, "sample_rate_hz": 44_100, "n_features": 4096},
        },
    }
    resolved = settings.resolve(config, SCHEMA)
    assert resolved["models"] == config["models"]
    config["models"]["trill"]["n_features"] = "many"
    with pytest.raises(
        ConfigError, match="'models: trill': n_features must be a whole"
    ):
        settings.resolve(config, SCHEMA)
