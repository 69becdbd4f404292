"""What the conditions of an experiment must be, beside each being possible."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from earshift import conditions, models
from earshift.errors import ConfigError, did_you_mean


def check(config: Mapping[str, Any]) -> None:
    """Refuse conditions that cannot be together, or with the models and methods.

    Parameters
    ----------
    config : mapping
        The configuration, with complete entries.

    Raises
    ------
    ConfigError
        If there are two of one name, one that would change audio which is not there, no
        condition but corrections, or a method that names none as its front.
    """
    _check_audio(config)
    _check_fronts(config)


def _check_audio(config: Mapping[str, Any]) -> None:
    """Refuse two conditions of one name, and one that has no audio to change."""
    changing = [
        c
        for c in conditions.conditions_of(config["conditions"]).values()
        if c.strength is not None
    ]
    for name, entry in config["models"].items():
        if changing and models.is_imported(entry):
            raise ConfigError(
                f"the condition '{changing[0].family}' changes audio, and the "
                f"embeddings of the model '{name}' are imported: there is no audio to "
                "change. Take it out of 'conditions', or leave the model out."
            )


def _check_fronts(config: Mapping[str, Any]) -> None:
    """Refuse a method whose `front` is no condition that corrects."""
    families = config["conditions"]
    studied = conditions.studied(config)
    if not studied:
        raise ConfigError(
            "'conditions' holds corrections alone, or what 'sensitivity' looks at: add "
            "'clean', which is the audio as it is."
        )
    known = [
        name
        for name, one in conditions.conditions_of(families).items()
        if conditions.is_correction(families[one.family])
    ]
    for name, entry in config["methods"].items():
        front = entry.get("front")
        if front is not None and front not in known:
            raise ConfigError(
                f"'methods: {name}: front': '{front}' must be a condition that "
                "corrects, such as 'front_trim+level+fill', which there is by "
                "'conditions: {clean: , front: {strengths: [trim+level+fill]}}' "
                f"{did_you_mean(str(front), known)}"
            )
