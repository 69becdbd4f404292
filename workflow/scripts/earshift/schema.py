"""What a value of the configuration may be, in the words of JSON Schema."""

from __future__ import annotations

import math
import types
from collections.abc import Iterable, Mapping
from typing import Any, Literal, Union, get_args, get_origin

from earshift.errors import ConfigError

#: Python type -> its name in JSON Schema.
NAMES: Mapping[object, str] = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    type(None): "null",
    None: "null",
    list: "array",
    tuple: "array",
    dict: "object",
}

#: Type -> what a user calls it.
WORDS = {
    "string": "a text",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "null": "nothing",
    "array": "a list",
    "object": "a mapping",
}

Rules = Mapping[str, Any]


def of_annotation(annotation: object) -> dict[str, Any]:
    """Return what a parameter's annotation allows, as JSON Schema.

    Parameters
    ----------
    annotation : object
        A type, a union, a ``Literal``, or a list or mapping of such.

    Returns
    -------
    dict
        Empty, which allows everything, for an annotation of another kind.
    """
    if annotation in NAMES:
        return {"type": NAMES[annotation]}
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return {"enum": list(parts)}
    if origin in (Union, types.UnionType):
        return {"anyOf": [of_annotation(part) for part in parts]}
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {"type": "object", "additionalProperties": of_annotation(parts[1])}
    if isinstance(origin, type) and issubclass(origin, Iterable):
        return {"type": "array", "items": of_annotation(parts[0])}
    return {}


def fitted(value: object, rules: Rules) -> object:
    """Return a value in the type that is asked for, where that loses nothing.

    YAML has 2.0 and 1e-3 for numbers that Python and PyYAML take for a float and a
    text, and Snakemake gives every value within ``--config 'splits={n_folds: 3}'`` as
    text.

    Parameters
    ----------
    value : object
        As YAML, or Snakemake, gives it.
    rules : mapping
        What it may be, as JSON Schema.

    Returns
    -------
    object
        The value, or an equal one of the right type; what cannot be is left as it is.
    """
    if isinstance(value, Mapping):
        known, other = rules.get("properties", {}), rules.get("additionalProperties")
        rest = other if isinstance(other, Mapping) else {}
        return {k: fitted(v, known.get(k, rest)) for k, v in value.items()}
    if isinstance(value, list):
        return [fitted(v, rules.get("items", {})) for v in value]
    kinds = _kinds(rules)
    if isinstance(value, str) and "string" not in kinds:
        return _read(value, kinds)
    if isinstance(value, float) and value.is_integer() and "integer" in kinds:
        return value if "number" in kinds else int(value)
    return value


def check(value: object, rules: Rules, where: str = "") -> None:
    """Refuse a value that is not what it may be.

    Parameters
    ----------
    value : object
        A value, or a mapping of many.
    rules : mapping
        What it may be, as JSON Schema.
    where : str, default=""
        What the value is called; keys within it are added.

    Raises
    ------
    ConfigError
        For the first value that is wrong, with its place, and its description if the
        schema has one.
    """
    import jsonschema  # most jobs check no settings, and need not load it

    validator = jsonschema.Draft202012Validator(rules)
    for error in sorted(validator.iter_errors(value), key=lambda e: list(e.path)):
        place = ".".join(filter(None, [where, *map(str, error.path)])) or "the config"
        meaning = error.schema.get("description", "") if error.path else ""
        problem = f": {error.message}"
        if error.validator in ("type", "anyOf"):
            problem = " " + _wrong_type(error.instance, error.schema)
        raise ConfigError(f"{place}{problem}." + (f" ({meaning})" if meaning else ""))
    _check_finite(value, where)


def _kinds(rules: Rules) -> set[str]:
    """Return the types that are allowed; none stands for all."""
    given = rules.get("type", [])
    kinds = {given} if isinstance(given, str) else set(given)
    kinds |= {NAMES.get(type(value), "string") for value in rules.get("enum", [])}
    for part in rules.get("anyOf", []):
        kinds |= _kinds(part) or {"string"}
    return kinds


def _read(text: str, kinds: set[str]) -> object:
    """Return a text as a value of one of some types, or as it is."""
    words = {"true": True, "false": False} if "boolean" in kinds else {}
    if text.lower() in words:
        return words[text.lower()]
    for kind, read in (("integer", int), ("number", float)):
        try:
            if kind in kinds:
                return read(text)
        except ValueError:
            continue
    return text


def _wrong_type(value: object, rules: Rules) -> str:
    """Say what is needed and what came, and what to do where that is known."""
    enum = [
        repr(each) for part in rules.get("anyOf", []) for each in part.get("enum", [])
    ]
    words = [WORDS[kind] for kind in WORDS if kind in _kinds(rules)]
    if enum:
        words = [*enum, *(w for w in words if w != WORDS["string"])]
    needed = f"must be {' or '.join(words)}"
    if value is None:
        return f"{needed}, and is empty: give it a value, or take its line out"
    hint = ""
    if (
        not enum
        and "string" in _kinds(rules)
        and not isinstance(value, list | Mapping | str)
    ):
        hint = f": put it in quotes, '{value}'"
    shown = repr(value) if isinstance(value, list | Mapping | str) else value
    return f"{needed}, got {shown}{hint}"


def _check_finite(value: object, where: str) -> None:
    """Refuse infinite numbers, and those that are none; JSON Schema knows neither."""
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"{where} must be a finite number, got {value}.")
    items: Iterable[tuple[object, object]] = ()
    if isinstance(value, Mapping):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for key, each in items:
        _check_finite(each, f"{where}.{key}" if where else str(key))
