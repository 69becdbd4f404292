"""Find plugins: a file in a plugin folder, a user's own file, or an entry point.

A plugin of kind ``models`` is one of

* a file ``earshift/models/<name>.py`` (a leading underscore marks a helper),
* an entry point ``<name>`` of the group ``earshift.models`` of an installed package,
* a path to any ``.py`` file, as written in the config.

A plugin that defines ``of(argument)`` stands for many: ``<plugin>:<argument>``, such as
``mirdata:gtzan_genre``, is what that function returns.

Nothing has to be listed anywhere else.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import inspect
import pkgutil
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, get_type_hints

from earshift import plugin_files, schema
from earshift.errors import ConfigError, DataError, did_you_mean


@dataclass(frozen=True)
class Kind:
    """What the registry and the configuration know of a kind of plugin.

    Its folder's package may add to that:

    * ``check_plugin(name, module)`` refuses a plugin whose facts cannot be;
    * ``check_entry(entry)`` refuses a config entry that cannot be used, by making it;
    * ``DERIVED`` makes plugins of others, by a prefix of the name.

    Parameters
    ----------
    call : str
        The function of a plugin that takes the user's options.
    facts : tuple of str
        What a plugin defines besides that function.
    section : str or None
        Section of the config whose entries name plugins of this kind; None for a kind
        that is chosen in another way.
    in_jobs : bool, default=True
        Whether jobs that compute something else load these plugins, too, to look at
        their entries once more. Not those whose libraries take long to load.
    given : tuple of str, default=()
        Keyword-only arguments of the function that the workflow gives, which are
        therefore no options.
    common : tuple of str, default=()
        Options of every entry, whatever its plugin.
    default : str, optional
        If given, the section is one entry in place of many: of this plugin, unless it
        names another one.
    """

    call: str
    facts: tuple[str, ...]
    section: str | None
    in_jobs: bool = True
    given: tuple[str, ...] = ()
    common: tuple[str, ...] = ()
    default: str = ""


#: Name of each kind, which is that of its folder.
KINDS: Mapping[str, Kind] = {
    "datasets": Kind(
        "list_clips", ("version", "licence", "citation", "label_files"), "datasets"
    ),
    "models": Kind(
        "spec", ("env", "version", "licence", "citation", "network"), "models"
    ),
    "debias": Kind(
        "make", ("version", "access"), "methods", in_jobs=False, common=("front",)
    ),
    "discrepancy": Kind(
        "measure",
        ("version", "label", "better", "range", "at_equality"),
        "discrepancy",
        in_jobs=False,
        given=("recordings_a", "recordings_b", "y_a", "y_b", "rng"),
    ),
    "studies": Kind("make", ("version", "citation"), section=None),
    "classifiers": Kind(
        "make", ("version",), "classifier", in_jobs=False, default="logistic"
    ),
    "conditions": Kind(
        "apply",
        ("version", "label", "unit", "identity", "limits", "random"),
        "conditions",
        given=("n_samples",),
    ),
}

#: What a debias method may see of the target dataset, from least to most. The last sees
#: the labels of the tested clips: a control, not a correction.
ORACLE = "oracle"
ACCESS = ("none", "target_unlabelled", "target_labelled", ORACLE)


def names(kind: str) -> tuple[str, ...]:
    """Return the names of all plugins of a kind, sorted.

    Parameters
    ----------
    kind : str
        One of `KINDS`.

    Returns
    -------
    tuple of str
        Files of the library, entry points of installed packages, and what is derived
        from the former, such as the controls ``random_<model>``. Plugins that need an
        argument are not among them.
    """
    plain = {name for name in _files(kind) if not _takes_argument(_shipped(kind, name))}
    derived = {
        prefix + name
        for prefix, make in _derived(kind).items()
        for name in plain
        if make(_shipped(kind, name))
    }
    return tuple(sorted(plain | set(_installed(kind)) | derived))


@functools.cache
def _installed(kind: str) -> Mapping[str, EntryPoint]:
    """Return entry points by name; to look for them reads every installed package."""
    return {point.name: point for point in entry_points(group=f"earshift.{kind}")}


def _files(kind: str) -> frozenset[str]:
    """Return the names of the plugin files of a kind."""
    folders = importlib.import_module(f"earshift.{kind}").__path__
    # Looked for again only where a folder has changed: plugins are loaded very often.
    return _listed(tuple((path, Path(path).stat().st_mtime_ns) for path in folders))


@functools.lru_cache
def _listed(folders: tuple[tuple[str, int], ...]) -> frozenset[str]:
    """Return the names of the plugin files in folders, given with their times."""
    files = {m.name for m in pkgutil.iter_modules([path for path, _ in folders])}
    return frozenset(name for name in files if not name.startswith("_"))


def _shipped(kind: str, name: str) -> ModuleType:
    return importlib.import_module(f"earshift.{kind}.{name}")


def _takes_argument(plugin: ModuleType) -> bool:
    return hasattr(plugin, "of")


def _derived(kind: str) -> Mapping[str, Callable[[ModuleType], ModuleType | None]]:
    """Return what makes plugins of other plugins of a kind, by prefix of the name."""
    return _of_package(kind, "DERIVED") or {}


def _of_package(kind: str, name: str) -> Any:  # noqa: ANN401
    """Return what the package of a kind adds to the registry, or None."""
    return getattr(importlib.import_module(f"earshift.{kind}"), name, None)


def known_names(kind: str) -> set[str]:
    """Return the names of all plugins of a kind but the derived ones.

    Parameters
    ----------
    kind : str
        One of `KINDS`.

    Returns
    -------
    set of str
        Of these, none is imported to know them.
    """
    return {*_files(kind), *_installed(kind)}


def load(kind: str, name: str) -> ModuleType:
    """Import the plugin called `name`, or the plugin file at the path `name`.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    name : str
        Name of a plugin, or path of a ``.py`` file; for a plugin that needs an argument
        followed by a colon and that.

    Returns
    -------
    module
        The plugin, with all that its kind demands.

    Raises
    ------
    ConfigError
        If there is no such plugin or file, if it lacks something, or if an argument is
        missing, too much or unknown.
    """
    plugin, colon, argument = name.partition(":")
    module = (
        plugin_files.load(kind, Path(plugin))
        if is_file(plugin)
        else _load_name(kind, plugin)
    )
    if _takes_argument(module) != bool(colon):
        raise ConfigError(
            f"the {kind} plugin '{plugin}' "
            + ("takes no" if colon else "needs an")
            + f" argument: write '{plugin}{'' if colon else ':<argument>'}'."
        )
    if colon:
        module = module.of(argument)
    for fact in (KINDS[kind].call, *KINDS[kind].facts):
        if not hasattr(module, fact):
            raise ConfigError(
                f"the {kind} plugin '{name}' does not define '{fact}', which every "
                "plugin of this kind needs; see CONTRIBUTING.md for an example."
            )
    check = _of_package(kind, "check_plugin")
    if check is not None:
        check(name, module)
    return module


@contextmanager
def copied(kind: str, name: str) -> Iterator[ModuleType]:
    """Import a plugin once more, so that nothing has happened in it.

    Parameters
    ----------
    kind, name : str
        As for `load`.

    Yields
    ------
    module
        A copy of the plugin, for use in the context alone.
    """
    file, colon, argument = name.partition(":")
    if is_file(name):
        with plugin_files.copied(kind, Path(file)) as module:
            yield module.of(argument) if colon else module
        return
    spec = importlib.util.find_spec(load(kind, name).__name__)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module


def is_file(name: str) -> bool:
    """Return True if a plugin is named by the path of its file, argument or not."""
    return name.partition(":")[0].endswith(".py")


def version_of(kind: str, name: str) -> int | str:
    """Return what changes whenever a plugin's results may.

    Parameters
    ----------
    kind, name : str
        As for `load`.

    Returns
    -------
    int or str
        The plugin's `version`; of a user's own file with a hash of it and of the
        modules beside it that it imports, such as ``"1+0123456789ab"``.
    """
    version: int = load(kind, name).version
    if not is_file(name):
        return version
    return f"{version}+{plugin_files.digest(Path(name.partition(':')[0]))[:12]}"


def check_version(kind: str, name: str, version: int | str) -> None:
    """Refuse a plugin that was edited since a run wrote down its version.

    Parameters
    ----------
    kind, name : str
        As for `load`.
    version : int or str
        As `version_of` returned it then.

    Raises
    ------
    DataError
        If it is another one now: results would be kept under a version that did not
        make them.
    """
    current = version_of(kind, name)
    if current != version:
        raise DataError(
            f"the {kind} plugin '{name}' was edited while the job ran (version "
            f"{version} then, {current} now). Run it again: what is done with the "
            "present one is kept."
        )


def _load_name(kind: str, name: str) -> ModuleType:
    if name in _installed(kind):
        module = _installed(kind)[name].load()
        assert isinstance(module, ModuleType)
        return module
    if name in _files(kind):
        return _shipped(kind, name)
    known = names(kind)
    for prefix, make in _derived(kind).items():
        if name.startswith(prefix) and name.removeprefix(prefix) in known:
            made = make(_load_name(kind, name.removeprefix(prefix)))
            if made is not None:
                return made
    raise ConfigError(
        f"no plugin '{name}' in earshift/{kind}/ "
        f"{did_you_mean(name, {*known, *_files(kind)})}\n"
        f"To add it, create earshift/{kind}/{name}.py, or give the path of a .py file."
    )


def own_options(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a config entry says to its plugin: all but `plugin` and `folder`."""
    return {k: v for k, v in entry.items() if k not in ("plugin", "folder")}


def check_entry(kind: str, entry: Mapping[str, Any]) -> None:
    """Refuse a config entry that cannot be used, as its kind finds out.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    entry : mapping
        With its `plugin`; its options are known, and of the right types.

    Raises
    ------
    EarshiftError
        If a value cannot be, or a file is missing.
    """
    check = _of_package(kind, "check_entry")
    if check is not None:
        check(entry)


def all_options(kind: str, name: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a plugin as a config entry has them, defaults included.

    Parameters
    ----------
    kind, name : str
        As for `load`.
    entry : mapping
        Config entry.

    Returns
    -------
    dict
        Option -> value.
    """
    defaults = {o: p.default for o, p in _parameters(kind, name).items()}
    return defaults | own_options(entry)


def _parameters(kind: str, name: str) -> dict[str, inspect.Parameter]:
    """Return the options that a plugin knows."""
    function: Callable[..., Any] = getattr(load(kind, name), KINDS[kind].call)
    given = KINDS[kind].given
    return {
        p.name: p
        for p in inspect.signature(function).parameters.values()
        if p.kind is inspect.Parameter.KEYWORD_ONLY and p.name not in given
    }


def rules_of(kind: str, name: str, parameter: str) -> dict[str, Any]:
    """Return what an argument of a plugin's function may be, by its annotation.

    Parameters
    ----------
    kind, name : str
        As for `load`.
    parameter : str
        Name of the argument.

    Returns
    -------
    dict
        As JSON Schema; empty, which allows everything, without an annotation.
    """
    function: Callable[..., Any] = getattr(load(kind, name), KINDS[kind].call)
    argument = inspect.signature(function).parameters[parameter]
    return schema.of_annotation(_annotation(function, argument))


def check_options(
    kind: str, name: str, options: Mapping[str, Any], common: Iterable[str] = ()
) -> dict[str, Any]:
    """Refuse an option that the plugin `name` does not know, or of a wrong type.

    Parameters
    ----------
    kind, name : str
        As for `load`.
    options : mapping
        Options as the config gives them.
    common : iterable of str
        What an entry may have besides options of the plugin; the error names them, too.

    Returns
    -------
    dict
        The options in the types that the plugin's function has in its annotations:
        2.0 is 2 where a whole number is needed.

    Raises
    ------
    ConfigError
        If an option is unknown, one without a default is missing, or a value is not of
        the type that is annotated; a parameter without annotation takes any.
    """
    function: Callable[..., Any] = getattr(load(kind, name), KINDS[kind].call)
    parameters = _parameters(kind, name)
    for option in options:
        if option not in parameters:
            raise ConfigError(
                f"the {kind} plugin '{name}' has no option '{option}' "
                f"{did_you_mean(str(option), {*parameters, *common})}"
            )
    missing = [
        option
        for option, p in parameters.items()
        if p.default is inspect.Parameter.empty and option not in options
    ]
    if missing:
        raise ConfigError(
            f"the {kind} plugin '{name}' needs the option '{missing[0]}': add "
            f"'{missing[0]}: ...' to its entry in the config."
        )
    out = {}
    for option, value in options.items():
        rules = schema.of_annotation(_annotation(function, parameters[option]))
        out[option] = schema.fitted(value, rules)
        schema.check(out[option], rules, option)
    return out


def _annotation(function: Callable[..., Any], parameter: inspect.Parameter) -> object:
    """Return the type of a parameter, which may be written as text."""
    while isinstance(function, functools.partial):
        function = function.func
    names = getattr(function, "__globals__", {})
    stated = types.SimpleNamespace(__annotations__={"it": parameter.annotation})
    try:
        return get_type_hints(stated, globalns=names)["it"]
    except (NameError, TypeError, AttributeError, SyntaxError):
        return inspect.Parameter.empty  # of a plugin's own, and not at hand
