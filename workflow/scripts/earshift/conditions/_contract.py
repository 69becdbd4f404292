"""What every condition must do, tried on a made-up sound before a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from earshift import conditions, registry
from earshift.errors import AudioError, ConfigError, DataError

#: Rate of the sound, in Hz, and its length in samples.
RATE_HZ, N_SAMPLES = 22_050, 44_100


def try_out(entry: Mapping[str, Any], strengths: Sequence[object]) -> None:
    """Refuse a condition that breaks the contract, before anything is embedded.

    Parameters
    ----------
    entry : mapping
        Config entry, whose plugin is a file.
    strengths : sequence
        Its strengths, of which the first and the last are tried.

    Raises
    ------
    ConfigError
        With what is wrong.
    """
    try:
        _check(entry, {strengths[0], strengths[-1]} - {None})
    except AudioError:
        return  # a clip that it leaves out
    except DataError as error:
        raise ConfigError(
            f"{error} CONTRIBUTING.md says what conditions must do."
        ) from error


def _check(entry: Mapping[str, Any], strengths: set[object]) -> None:
    """Raise `DataError` for the first thing that is wrong."""
    name = entry["plugin"]
    plugin = registry.load("conditions", name)
    rng = np.random.default_rng(0)
    sound = (0.1 * rng.standard_normal(N_SAMPLES)).astype(np.float32)
    condition = {"plugin": name, "options": conditions.options_of(entry)}

    def changed(strength: object, clip_id: str) -> NDArray[np.float32]:
        return conditions.Change(condition).applied(sound, RATE_HZ, strength, clip_id)

    with suppress(AudioError):
        if not np.array_equal(changed(plugin.identity, "a"), sound):
            raise DataError(
                f"the condition '{name}' has identity = {plugin.identity!r}, which "
                f"must change nothing, and changes samples.{_hint(plugin)}"
            )
    for strength in strengths:
        one, again, other = (changed(strength, clip) for clip in ("a", "a", "b"))
        if not np.array_equal(one, again):
            raise DataError(
                f"the condition '{name}' of strength {strength} changes the same clip "
                "in two ways: nothing may stay between two calls, and random numbers "
                "come from rng."
            )
        if not plugin.random and not np.array_equal(one, other):
            raise DataError(
                f"the condition '{name}' says random = False, and draws random "
                "numbers: say random = True, so that the seed counts."
            )


def _hint(plugin: ModuleType) -> str:
    """Return what to do about a plugin that takes no strengths and changes audio."""
    if plugin.identity is not None:
        return ""
    return (
        " Without strengths it would never be called: design a strength that changes "
        "nothing, such as 0, and one that does."
    )
