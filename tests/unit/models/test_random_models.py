"""Controls: an architecture with random weights."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from earshift import load_model, registry
from earshift.errors import ConfigError
from earshift.models import _random
from tests.helpers.tones import tone

NAMES = [name for name in registry.names("models") if name.startswith("random_")]


def embed(name, **options):
    return load_model(name, **options).embed(tone(300, 1.2), 16_000).values


def test_a_seed_gives_the_same_weights_again_and_another_others():
    first, again, other = (embed("random_yamnet", seed=seed) for seed in (0, 0, 1))
    assert_array_equal(first, again)
    assert np.linalg.norm(first - other) > 0.1 * np.linalg.norm(first)


@pytest.mark.parametrize("name", NAMES)
def test_a_control_differs_from_its_model_in_its_weights_alone(name):
    control = registry.load("models", name)
    model = registry.load("models", name.removeprefix("random_"))
    facts, expected = control.spec(), model.spec()
    for fact in ("sample_rate_hz", "framing", "n_features", "batch_size", "precisions"):
        assert getattr(facts, fact) == getattr(expected, fact)
    assert facts.weights == ()
    assert facts.options["seed"] == 0
    assert "weights" not in facts.options
    tensors = _random.draw(model.tensor_shapes(facts), 0)
    assert {k: v.shape for k, v in tensors.items()} == model.tensor_shapes(facts)


def test_an_option_of_the_architecture_is_kept_and_one_of_the_weights_is_not():
    assert embed("random_musicnn", layer="taggram").shape == (1, 50)
    with pytest.raises(ConfigError, match="no option 'postprocess'"):
        load_model("random_vggish", postprocess=True)
    with pytest.raises(ConfigError, match=r"no option 'weights'.*seed"):
        load_model("random_yamnet", weights="yamnet.h5")


def test_a_model_without_layers_has_no_control():
    assert "random_mfcc" not in registry.names("models")
    with pytest.raises(ConfigError, match="no plugin 'random_mfcc'"):
        load_model("random_mfcc")


def test_signals_keep_their_size_through_the_layers():
    for name in NAMES:
        size = np.abs(embed(name)).mean()
        assert 1e-3 < size < 1e3, name


def test_kernels_are_drawn_for_rectifiers_and_the_rest_changes_nothing():
    shapes = {
        "a/kernel": (3, 3, 64, 128),
        "a/bias": (128,),
        "b/depthwise_kernel": (3, 3, 4096, 1),
        "c/gamma": (5,),
        "c/moving_mean": (5,),
        "c/moving_variance": (5,),
    }
    drawn = _random.draw(shapes, 3)
    assert drawn["a/kernel"].std() == pytest.approx(np.sqrt(2 / 576), rel=0.02)
    assert drawn["b/depthwise_kernel"].std() == pytest.approx(np.sqrt(2 / 9), rel=0.02)
    for name in ("a/bias", "c/moving_mean"):
        assert_array_equal(drawn[name], 0)
    for name in ("c/gamma", "c/moving_variance"):
        assert_array_equal(drawn[name], 1)


@pytest.mark.parametrize("seed", ["abc", -1, 1.5, True])
def test_a_seed_that_is_no_whole_number_is_refused_at_once(seed):
    with pytest.raises(ConfigError, match=r"seed'? must be a whole number"):
        load_model("random_yamnet", seed=seed)


def test_a_sound_that_resampling_leaves_nothing_of_is_filled_up():
    frames = load_model("random_vggish").embed(np.array([0.5]), 44_100)
    assert frames.values.shape == (1, 128)
