"""What the section on the sensitivity of an experiment must be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from earshift import conditions, registry
from earshift.errors import ConfigError
from earshift.evaluation.protocol import FIXED
from earshift.names import text_of
from earshift.runs.asked import check as check_asked


def check(config: Mapping[str, Any], in_job: bool) -> None:
    """Refuse conditions, methods and measures that cannot be looked at.

    Parameters
    ----------
    config : mapping
        The configuration, with complete entries.
    in_job : bool
        Whether a job asks: what takes long was checked before.

    Raises
    ------
    ConfigError
        If a family is not one of the conditions, or changes nothing; there is no
        ``clean``; a method is not one of the experiment, or has a front; ``none`` is
        missing; or there is no such measure.
    """
    asked = config["sensitivity"]
    if not asked["conditions"] or in_job:
        return
    _check_conditions(asked["conditions"], config["conditions"])
    methods = config["methods"]
    check_asked("sensitivity: methods", asked["methods"], "methods", methods)
    for name in asked["methods"]:
        if methods[name].get("front"):
            raise ConfigError(
                f"'sensitivity: methods': '{name}' has a front, of audio that is else "
                "unchanged: take it out, or give 'front: null' to another entry of it."
            )
    if FIXED.name not in config["protocols"]:
        raise ConfigError(
            f"'sensitivity' is of the protocol '{FIXED.name}', got 'protocols: "
            f"{config['protocols']}': add it."
        )
    if "none" not in asked["methods"]:
        raise ConfigError(
            "'sensitivity: methods' must hold 'none', which others are compared with."
        )
    known = registry.names("discrepancy")
    check_asked("sensitivity: measures", asked["measures"], "discrepancy", known)


def _check_conditions(
    names: Sequence[str], families: Mapping[str, Mapping[str, Any]]
) -> None:
    """Refuse families that are not there, or have nothing to compare."""
    check_asked("sensitivity: conditions", names, "conditions", families)
    for name in names:
        if conditions.strengths_of(families[name]) == [None]:
            raise ConfigError(
                f"'sensitivity: conditions': '{name}' has no strengths: take it out."
            )
        _check_strengths(name, families[name])
        if conditions.is_correction(families[name]):
            raise ConfigError(
                f"'sensitivity: conditions': '{name}' is a correction: take it out."
            )
    if "clean" not in families:
        raise ConfigError(
            "'sensitivity' compares changed clips with unchanged ones: add 'clean' to "
            "'conditions'."
        )


def _check_strengths(name: str, entry: Mapping[str, Any]) -> None:
    """Refuse a family that changes nothing, or whose numbers have no order."""
    plugin = registry.load("conditions", entry["plugin"])
    strengths = conditions.strengths_of(entry)
    if all(strength == plugin.identity for strength in strengths):
        raise ConfigError(
            f"'sensitivity: conditions': '{name}' has no strength but "
            f"{text_of(plugin.identity)}, which changes nothing: add others, or take "
            "it out."
        )
    numbers = any(isinstance(strength, int | float) for strength in strengths)
    if numbers and isinstance(plugin.identity, str) and not hasattr(plugin, "stronger"):
        raise ConfigError(
            f"'sensitivity: conditions': the plugin of '{name}' must say whether lower "
            "or higher strengths change more: stronger = 'lower' or 'higher'."
        )
