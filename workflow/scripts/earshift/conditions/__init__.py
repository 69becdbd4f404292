"""Acoustic conditions: what is done to the waveform of a clip before it is embedded.

A condition is a *family* of strengths, such as a gain of -12, -6 and 6 dB. A plugin,
one file, defines

``version``
    An integer that is raised whenever its results change.
``label``, ``unit``
    What it does, for the report, and the unit of its strengths (``""`` for none).
``identity``
    The strength that changes nothing, sample for sample; None for a plugin that never
    changes anything and takes no strengths (``clean``).
``limits``
    The lowest and the highest strength, or None if strengths are no numbers. Beside
    numbers, the word ``"none"`` may be the identity.
``stronger``
    Where the identity is a word and strengths are numbers: ``"lower"`` if lower numbers
    change more, or ``"higher"``.
``random``
    Whether it uses its random numbers: then its results depend on `seed` in the config.
``correction``
    If it is there and True, the condition is no change to be studied but a correction:
    stages 5 to 8 see it only through methods that name one of its conditions as their
    `front`.
``apply(waveform, sample_rate_hz, strength, rng, *, option=default, ...)``
    Return another waveform, (n_samples,) float32, as long as the one given. Both are
    mono, nominally in [-1, 1]; `waveform` can only be read. `sample_rate_hz` is that of
    the file. The annotation of `strength` (``float``, ``str``, ``Literal[...]``, or a
    union) says which there may be. `rng` is made anew for each call; all strengths of a
    clip draw the same numbers. Options become keys of the config entry. A clip that
    cannot be changed raises `AudioError`, and is left out. One that takes `n_samples`
    is given the length, not less than that of the waveform, at which the model's
    windows are whole, and may return as many.

The result depends on the arguments alone, and nothing stays between two calls.

The stages after the embeddings know each strength of a family as a condition of its
own, called ``<family>_<strength>``, and ``clean`` by its own name.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from contextlib import suppress
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from earshift import registry, schema
from earshift.errors import AudioError, ConfigError, DataError, did_you_mean
from earshift.names import text_of

#: Options of every condition, whatever its plugin.
COMMON = ("strengths",)

#: A strength of a family; None of one that has none.
Strength = float | str | None

_FILE_SAFE = re.compile(r"[A-Za-z0-9_+-][A-Za-z0-9_.+-]*")


class Condition(NamedTuple):
    """One strength of a family: a condition, as the stages after the embeddings see it.

    Parameters
    ----------
    name : str
        Part of the paths of its results, and its name in all tables.
    family : str
        Name of its entry in the config, and of its store of embeddings.
    strength : float, str or None
        None if the family has no strengths.
    """

    name: str
    family: str
    strength: Strength


def conditions_of(entries: Mapping[str, Mapping[str, Any]]) -> dict[str, Condition]:
    """Return every condition of an experiment, by name.

    Parameters
    ----------
    entries : mapping
        Section `conditions` of the complete configuration.

    Returns
    -------
    dict of str to Condition
        In the order of the configuration.

    Raises
    ------
    ConfigError
        If two of them have the same name.
    """
    named: dict[str, Condition] = {}
    for family, entry in entries.items():
        for strength in strengths_of(entry):
            tail = "" if strength is None else f"_{text_of(strength)}"
            condition = Condition(family + tail, family, strength)
            if other := named.get(condition.name):
                raise ConfigError(
                    f"'conditions': '{family}' and '{other.family}' both have a "
                    f"condition called '{condition.name}': give one of the two another "
                    "name, and its plugin as 'plugin: ...'."
                )
            named[condition.name] = condition
    return named


def is_correction(entry: Mapping[str, Any]) -> bool:
    """Return True if a config entry is of a correction (`correction` of its plugin)."""
    return bool(getattr(registry.load("conditions", entry["plugin"]), "correction", 0))


def studied(config: Mapping[str, Any]) -> dict[str, Condition]:
    """Return the conditions in which datasets are compared, by name.

    Parameters
    ----------
    config : mapping
        The complete configuration.

    Returns
    -------
    dict of str to Condition
        Those that are no corrections, and not left to the stage of sensitivity, which
        compares them with unchanged clips.
    """
    entries, apart = config["conditions"], config["sensitivity"]["conditions"]
    return {
        name: condition
        for name, condition in conditions_of(entries).items()
        if condition.family not in apart
        and not is_correction(entries[condition.family])
    }


def strengths_of(entry: Mapping[str, Any]) -> list[Strength]:
    """Return the strengths of a family, each in the type that its plugin takes.

    Parameters
    ----------
    entry : mapping
        Config entry, with its `plugin`.

    Returns
    -------
    list of float, str or None
        One None for a family without strengths.

    Raises
    ------
    ConfigError
        If there are none, or one is of a wrong type, out of range, no part of a file's
        name, or there twice.
    """
    name, given = entry["plugin"], entry.get("strengths")
    plugin = registry.load("conditions", name)
    if plugin.identity is None:
        if given is not None:
            raise ConfigError(f"'{name}' takes no 'strengths': take them out.")
        return [None]
    if not isinstance(given, list) or not given:
        raise ConfigError(
            f"'strengths' must be a list of one or more, {_words(plugin)}, got "
            f"{given!r}: write, for instance, 'strengths: [{plugin.identity}]'."
        )
    checked = {}
    for value in given:
        strength = _checked(name, plugin, value)
        if text_of(strength) in checked:
            raise ConfigError(f"'strengths' has {text_of(strength)} more than once.")
        checked[text_of(strength)] = strength
    return list(checked.values())


def _words(plugin: ModuleType) -> str:
    """Say what strengths a plugin takes."""
    unit = f" {plugin.unit}" if plugin.unit else ""
    if plugin.limits is None:
        return f"such as {plugin.identity!r}{unit}"
    low, high = plugin.limits
    word = f" or '{plugin.identity}'" if isinstance(plugin.identity, str) else ""
    return f"from {low:g} to {high:g}{unit}{word}"


def _checked(name: str, plugin: ModuleType, given: object) -> float | str:
    """Return a strength in the type that a plugin takes, or refuse it."""
    rules = registry.rules_of("conditions", name, "strength")
    value = _fitted(given, rules)
    choices = rules.get("enum", [value])
    if value not in choices:
        raise ConfigError(
            f"'{name}' has no strength '{value}' "
            f"{did_you_mean(str(value), map(str, choices))}"
        )
    schema.check(value, rules, f"a strength of '{name}'")
    if isinstance(value, str):
        if not _FILE_SAFE.fullmatch(value):
            raise ConfigError(
                f"the strength '{value}' becomes part of the names of files, so use "
                "letters, digits, '_', '-', '+' and '.' only."
            )
        return value
    assert isinstance(value, float | int)
    low, high = plugin.limits or (-np.inf, np.inf)
    if not low <= value <= high:
        raise ConfigError(f"strengths of '{name}' are {_words(plugin)}, got {value:g}.")
    return value


def _fitted(value: object, rules: Mapping[str, Any]) -> object:
    """Return a strength in the type that is asked for: 6, 6.0 and "6" are the same."""
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        with suppress(ValueError, ConfigError):
            number = schema.fitted(float(value), rules)
            schema.check(number, rules)
            return number
    return value


def options_of(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the plugin's own options as a config entry has them, with defaults."""
    options = registry.all_options("conditions", entry["plugin"], entry)
    return {key: value for key, value in options.items() if key not in COMMON}


def stored_as(entry: Mapping[str, Any], seed: int) -> dict[str, Any] | None:
    """Return what decides the contents of a store of embeddings.

    Parameters
    ----------
    entry : mapping
        Config entry of a family.
    seed : int
        Seed of the experiment.

    Returns
    -------
    dict or None
        None if nothing is done to the audio. Else the `plugin`; its `options`, defaults
        included; `seed`, if it draws random numbers; and `strengths`, as texts.
    """
    name = entry["plugin"]
    plugin = registry.load("conditions", name)
    strengths = strengths_of(entry)
    if strengths == [None]:
        return None
    facts = {"plugin": name, "options": options_of(entry)}
    facts |= {"seed": seed} if plugin.random else {}
    return facts | {"strengths": [text_of(s) for s in strengths if s is not None]}


class Change:
    """What is done to the clips of a store, ready to be called in several threads.

    Parameters
    ----------
    condition : mapping
        As `stored_as` returns it, with or without strengths.
    """

    def __init__(self, condition: Mapping[str, Any]) -> None:
        self._name = condition["plugin"]
        # Here and not when it is called: of several threads, one alone may import it.
        self._apply = registry.load("conditions", self._name).apply
        self._rules = registry.rules_of("conditions", self._name, "strength")
        self._fills = "n_samples" in inspect.signature(self._apply).parameters
        self._options = dict(condition["options"])
        self._seed = condition.get("seed", 0)

    def __call__(
        self,
        waveform: NDArray[np.float32],
        sample_rate_hz: int,
        strength: str,
        clip_id: str,
        n_samples: int | None = None,
    ) -> NDArray[np.float32]:
        """Apply one strength to a clip.

        Parameters
        ----------
        waveform : ndarray of shape (n_samples,), float32
            Mono, nominally in [-1, 1].
        sample_rate_hz : int
            Its rate, in Hz.
        strength : str
            As `text_of` writes it.
        clip_id : str
            What the random numbers depend on, beside the seed.
        n_samples : int, optional
            Length at which the model's windows are whole; by default, that of the
            waveform.

        Returns
        -------
        ndarray of shape (n_samples,), float32
            The changed waveform.

        Raises
        ------
        AudioError, DataError
            As from `applied`.
        """
        value = _fitted(strength, self._rules)
        return self.applied(waveform, sample_rate_hz, value, clip_id, n_samples)

    def applied(
        self,
        waveform: NDArray[np.float32],
        sample_rate_hz: int,
        strength: object,
        clip_id: str,
        n_samples: int | None = None,
    ) -> NDArray[np.float32]:
        """Apply a strength that has the type which the plugin takes.

        Parameters
        ----------
        waveform, sample_rate_hz, clip_id, n_samples
            As of a call.
        strength : object
            The strength.

        Returns
        -------
        ndarray of shape (n_samples,), float32
            The changed waveform.

        Raises
        ------
        AudioError
            If the plugin leaves the clip out, or the result is not finite.
        DataError
            If the plugin fails in another way, or returns anything but a waveform as
            long as the one given or, if it fills up, as asked for.
        """
        given = waveform.view()
        given.flags.writeable = False
        rng = np.random.default_rng([self._seed, *clip_id.encode()])
        options = dict(self._options)
        if self._fills and n_samples is not None:
            options["n_samples"] = n_samples
        try:
            changed: NDArray[np.float32] = self._apply(
                given, sample_rate_hz, strength, rng, **options
            )
        except AudioError:
            raise
        except Exception as error:
            raise DataError(
                f"the condition '{self._name}' of strength {strength} fails for clip "
                f"'{clip_id}': {type(error).__name__}: {error}. It must raise "
                "AudioError for a clip that it cannot change."
            ) from error
        dtype = getattr(changed, "dtype", "no array")
        what = (getattr(changed, "shape", None), str(dtype))
        shapes = {waveform.shape, (options.get("n_samples", len(waveform)),)}
        if what not in {(shape, "float32") for shape in shapes}:
            raise DataError(
                f"the condition '{self._name}' must return a waveform of shape "
                f"{waveform.shape}, float32, and returns {what[0]}, {what[1]}."
            )
        if not np.isfinite(changed).all():
            raise AudioError(
                "not_finite",
                f"{self._name} of strength {strength} gives NaN or infinite samples",
            )
        return changed


def check_plugin(name: str, module: ModuleType) -> None:
    """Refuse a plugin whose limits leave out the strength that changes nothing."""
    limits, identity = module.limits, module.identity
    if limits is None:
        return
    if isinstance(identity, str):
        known = ("lower", "higher")
        if (given := getattr(module, "stronger", None)) not in known:
            raise ConfigError(
                f"the condition '{name}' has stronger = {given!r}: which strengths "
                f"change more than others, {' or '.join(map(repr, known))}?"
            )
        return
    if not (isinstance(identity, float | int) and limits[0] <= identity <= limits[1]):
        raise ConfigError(
            f"the condition '{name}' has limits = {limits!r}, which must hold its "
            f"identity, {identity!r}."
        )


def check_entry(entry: Mapping[str, Any]) -> None:
    """Refuse strengths that cannot be, and a user's file that breaks the rules."""
    strengths = strengths_of(entry)
    if registry.is_file(entry["plugin"]):
        from earshift.conditions import _contract

        _contract.try_out(entry, strengths)
