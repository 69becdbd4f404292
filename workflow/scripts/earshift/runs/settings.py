"""The configuration: closed, defaults filled in, wrong names refused at once."""

from __future__ import annotations

import copy
import inspect
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

import yaml

from earshift import classifiers, conditions, datasets, models, registry
from earshift import schema as schemas
from earshift.downloads import catalogue
from earshift.errors import ConfigError, WeightsError, did_you_mean
from earshift.evaluation import protocol
from earshift.runs import (
    condition_checks,
    config_paths,
    decomposition_checks,
    few_label_checks,
    sensitivity_checks,
)
from earshift.stages.splits import alignment

#: Config section -> kind of plugin its entries name.
SECTIONS = {k.section: name for name, k in registry.KINDS.items() if k.section}

#: Experiment file whose results go to `RESULTS`; those of others go beside it.
DEFAULT = Path("config.yaml")
RESULTS = "results"


def resolve(
    raw: Mapping[str, Any],
    schema: Path,
    *,
    experiment: Path = DEFAULT,
    in_job: bool = False,
) -> dict[str, Any]:
    """Check a configuration and return it complete.

    Parameters
    ----------
    raw : mapping
        The configuration as read from YAML.
    schema : Path
        JSON Schema of it, in YAML.
    experiment : Path, default=`DEFAULT`
        The file that it was read from, which decides where results go by default.
    in_job : bool
        Whether a job of a run asks, which has checked all this. Methods and measures,
        whose libraries take as long to load as all else, are then not made again, and
        no folder is searched.

    Returns
    -------
    dict
        With every default filled in, each entry of a section that names plugins a
        mapping with its `plugin`, ``~`` in paths replaced by the home folder, and
        numbers of the type that is asked for.

    Raises
    ------
    ConfigError
        For an unknown or missing key, a value out of range or of a wrong type, or the
        name of a plugin or option that does not exist.
    """
    rules = yaml.safe_load(schema.read_text())
    if not isinstance(raw, Mapping):
        raise ConfigError(f"{experiment} must be a mapping of settings, got {raw!r}.")
    config = copy.deepcopy(dict(raw))
    for section, kind in SECTIONS.items():
        if default := registry.KINDS[kind].default:
            config[section] = _only_entry(section, config.get(section, {}), default)
        elif section in config:
            config[section] = _entries(section, config[section])
    _check_keys("", config, rules)
    config = cast(
        "dict[str, Any]", config_paths.expanded(schemas.fitted(config, rules))
    )
    try:
        schemas.check(config, rules)
    except ConfigError as error:
        raise ConfigError(f"config: {error}") from error
    config["results"] = results_of(config, experiment)
    _fill_options(config)
    _fill(config, rules)
    for name, entry in config["datasets"].items():
        _fill_folder(name, entry, config["downloads"]["register"])
    _check_plugins(config, in_job)
    if not in_job:
        config_paths.check(config)
    _check_inputs(config)
    sensitivity_checks.check(config, in_job)
    condition_checks.check(config)
    few_label_checks.check(config, in_job)
    decomposition_checks.check(config, in_job)
    _check_study(config, in_job)
    _check_alignment(config)
    _check_compared(config)
    protocol.check_refits(config["statistics"]["n_refits"])
    if not in_job:
        _check_served(config)
    return config


def results_of(config: Mapping[str, Any], configfile: Path = DEFAULT) -> str:
    """Return the folder of an experiment's results.

    Parameters
    ----------
    config : mapping
        The configuration as read from YAML, or complete.
    configfile : Path, default=`DEFAULT`
        The file that it was read from.

    Returns
    -------
    str
        What `results` says. Without it ``results`` for ``config.yaml``, and for another
        file ``results_`` with its path from here, such as ``results_mine`` for
        ``mine.yaml`` and ``results_a+mine`` for ``a/mine.yaml``: no two files write to
        the same place.
    """
    given = config.get("results") or _default_results(configfile)
    return os.path.normpath(config_paths.at_home(str(given)))


def _default_results(configfile: Path) -> str:
    # A link is another experiment than the file that it leads to.
    file = configfile.parent.resolve() / configfile.name
    here = Path.cwd()
    if file == here / DEFAULT:
        return RESULTS
    place = file.relative_to(here) if file.is_relative_to(here) else file
    if place.suffix == DEFAULT.suffix:
        place = place.with_suffix("")
    parts = [part.replace("+", "++") for part in place.parts if part != place.anchor]
    return f"{RESULTS}_{'+'.join(parts)}"


def check_folders(config: Mapping[str, Any], *, made: Path) -> None:
    """Refuse a dataset whose folder does not exist, before any job runs.

    Parameters
    ----------
    config : mapping
        As `resolve` returns it.
    made : Path
        Folders in here are made by a rule, and may be missing yet; so may those that
        registered files are unpacked to.

    Raises
    ------
    DataError
        With the path looked for.
    """
    unpacked = catalogue.dataset_folders(config["downloads"]["register"])
    for name, entry in config["datasets"].items():
        folder = Path(entry["folder"])
        if folder.parent != made and folder not in unpacked:
            datasets.need_folder(folder, f"dataset '{name}'")


def entries(config: Mapping[str, Any], section: str) -> Mapping[str, dict[str, Any]]:
    """Return the entries of a section by name.

    Parameters
    ----------
    config : mapping
        As `resolve` returns it.
    section : str
        One of `SECTIONS`.

    Returns
    -------
    mapping
        If the section is one entry, that is called as the section is.
    """
    content: dict[str, Any] = config[section]
    is_one = registry.KINDS[SECTIONS[section]].default
    return {section: content} if is_one else content


def _only_entry(section: str, given: object, default: str) -> dict[str, Any]:
    """Return the entry that a section is: it may be a name or a mapping."""
    if isinstance(given, str):
        given = {"plugin": given}
    if not isinstance(given, Mapping):
        raise ConfigError(
            f"'{section}' must hold options, such as 'plugin: {default}', got "
            f"{given!r}."
        )
    return {"plugin": default, **given}


def _entries(section: str, given: object) -> dict[str, dict[str, Any]]:
    """Return the entries of a section by name: it may be a list or a mapping."""
    if isinstance(given, str):
        given = [given]
    if isinstance(given, list):
        named: dict[str, object] = {}
        for item in given:
            pair = item if isinstance(item, Mapping) else {str(item): None}
            for key in pair.keys() & named.keys():
                raise ConfigError(f"'{section}' has two entries called '{key}'.")
            named.update(pair)
        given = named
    if not isinstance(given, Mapping):
        raise ConfigError(f"'{section}' must be a list or a mapping, got {given!r}.")
    out = {}
    for key, entry in given.items():
        if entry is not None and not isinstance(entry, Mapping):
            raise ConfigError(
                f"'{section}: {key}' must hold options, such as 'plugin: ...', got "
                f"{entry!r}."
            )
        name = Path(key).stem if str(key).endswith(".py") else str(key)
        if name in out:
            raise ConfigError(f"'{section}' has two entries called '{name}'.")
        out[name] = {"plugin": str(key), **(entry or {})}
    return out


def _check_keys(path: str, config: object, rules: Mapping[str, Any]) -> None:
    """Refuse unknown keys, with the nearest known one."""
    if not isinstance(config, Mapping) or rules.get("type") != "object":
        return
    known = rules.get("properties", {})
    for key, value in config.items():
        if key in known:
            _check_keys(f"{path}{key}.", value, known[key])
        elif rules.get("additionalProperties") is False:
            raise ConfigError(
                f"config: unknown key '{path}{key}' {did_you_mean(str(key), known)}"
            )


def _fill(config: dict[str, Any], rules: Mapping[str, Any]) -> None:
    """Put the schema's defaults where `config` says nothing."""
    for key, rule in rules.get("properties", {}).items():
        if rule.get("type") == "object" and "properties" in rule:
            config.setdefault(key, {})
            _fill(config[key], rule)
        elif "default" in rule:
            config.setdefault(key, copy.deepcopy(rule["default"]))


def _fill_options(config: Mapping[str, Any]) -> None:
    """Put a plugin's defaults where the entry that a section is says nothing."""
    for section, kind in SECTIONS.items():
        if not registry.KINDS[kind].default:
            continue
        entry = config[section]
        try:
            options = registry.all_options(kind, entry["plugin"], entry)
        except ConfigError as error:
            raise ConfigError(f"'{section}': {error}") from error
        for option, value in options.items():
            if value is not inspect.Parameter.empty:
                # As YAML has it.
                entry.setdefault(option, list(value) if type(value) is tuple else value)


def _fill_folder(name: str, entry: dict[str, Any], register: str | None) -> None:
    """Name the folder that registered files are unpacked to, where none is given."""
    folder = catalogue.folder_of(name, entry["plugin"], register)
    if not entry.get("folder") and folder is not None and datasets.has_audio(entry):
        entry["folder"] = str(folder)


def _check_entry(section: str, kind: str, name: str, entry: dict[str, Any]) -> None:
    """Refuse an entry whose name, plugin or options cannot be."""
    place = section if name == section else f"{section}: {name}"
    if not name.replace("_", "").replace("-", "").isalnum():
        raise ConfigError(
            f"'{section}: {name}': names become folders, so use letters, digits, "
            "'_' and '-' only."
        )
    if section == "datasets":
        _check_dataset(name, entry)
        return
    try:
        _fit_options(section, kind, entry)
    except ConfigError as error:
        raise ConfigError(f"'{place}': {error}") from error
    options = registry.own_options(entry)
    # Making it finds wrong options and values, and missing files.
    try:
        registry.check_entry(kind, entry)
    except (ConfigError, WeightsError) as error:
        raise type(error)(f"'{place}': {error}") from error
    except (TypeError, ValueError, AttributeError) as error:
        raise ConfigError(
            f"'{place}' cannot be made with {options}: {error}"
        ) from error


def _fit_options(section: str, kind: str, entry: dict[str, Any]) -> None:
    """Give the options of an entry the types that its plugin asks for.

    Raises
    ------
    ConfigError
        For an option that the plugin does not know, or one of a wrong type.
    """
    common = _common_options(section, entry)
    options = registry.own_options(entry)
    plugin_options = {k: v for k, v in options.items() if k not in common}
    entry.update(registry.check_options(kind, entry["plugin"], plugin_options, common))


def _common_options(section: str, entry: Mapping[str, Any]) -> Iterable[str]:
    """Return the options that all entries of a section have, whatever their plugin."""
    if section == "classifier":
        return classifiers.COMMON
    if section == "conditions":
        return conditions.COMMON
    if section == "methods":
        return registry.KINDS["debias"].common
    return (
        models.COMMON if section == "models" and not models.is_imported(entry) else ()
    )


def _check_plugins(config: Mapping[str, Any], in_job: bool) -> None:
    """Refuse entries that cannot be."""
    for section, kind in SECTIONS.items():
        for name, entry in entries(config, section).items():
            if not in_job or registry.KINDS[kind].in_jobs:
                _check_entry(section, kind, name, entry)
            elif registry.own_options(entry):
                # Checked before, but of the type that YAML gave them.
                _fit_options(section, kind, entry)


def _check_dataset(name: str, entry: dict[str, Any]) -> None:
    """Refuse wrong options, and an entry whose files are nowhere."""
    options = datasets.options(entry)
    try:
        options = registry.check_options("datasets", entry["plugin"], options)
    except ConfigError as error:
        raise ConfigError(f"'datasets: {name}': {error}") from error
    entry.update(options)
    plugin = registry.load("datasets", entry["plugin"])
    datasets.lister(plugin, entry)
    if not datasets.has_audio(entry) and not plugin.label_files(Path(), **options):
        entry.setdefault("folder", ".")  # the labels ship with us
    if not entry.get("folder"):
        raise ConfigError(
            f"'datasets: {name}' needs a 'folder': where its files are. (There are "
            "no registered files for it, which could be fetched.)"
        )


def _check_inputs(config: Mapping[str, Any]) -> None:
    """Refuse a model for a dataset that has no audio, or no file to import."""
    for name, entry in config["models"].items():
        imported = models.import_spec(entry) if models.is_imported(entry) else None
        for dataset, dataset_entry in config["datasets"].items():
            if imported:
                imported.file_of(dataset, dataset_entry["plugin"])
            elif not datasets.has_audio(dataset_entry):
                raise ConfigError(
                    f"the model '{name}' needs audio, and the dataset '{dataset}' has "
                    "'audio: false'. Import its embeddings ('plugin: imported', "
                    "docs/embeddings.md), or leave the model out."
                )
        known = {n for d, e in config["datasets"].items() for n in (d, e["plugin"])}
        for key in imported.files if imported else ():
            if key not in known:
                raise ConfigError(
                    f"'models: {name}: files': '{key}' is no dataset "
                    f"{did_you_mean(key, known)}"
                )


def _check_alignment(config: Mapping[str, Any]) -> None:
    """Refuse an alignment that names a dataset which the experiment cannot have."""
    if config["alignment"]:
        path = alignment.location(config["alignment"])
        names = {*config["datasets"], *registry.names("datasets")}
        names |= {entry["plugin"] for entry in config["datasets"].values()}
        alignment.check_names(alignment.read(path), names, path)


def _check_compared(config: Mapping[str, Any]) -> None:
    """Refuse an experiment without two datasets, or without the method ``none``."""
    if len(config["datasets"]) < 2:
        raise ConfigError(
            "an experiment compares 2 or more datasets, got "
            f"{len(config['datasets'])}: add one under 'datasets' in the config."
        )
    if "none" not in config["methods"]:
        raise ConfigError(
            "'methods' must hold 'none': every method is compared with the plain "
            "embedding."
        )
    if config["methods"]["none"]["plugin"] != "none":
        raise ConfigError(
            "'methods: none' must be the plugin 'none', with which every method is "
            f"compared, got '{config['methods']['none']['plugin']}': give that another "
            "name."
        )


def _check_served(config: Mapping[str, Any]) -> None:
    """Refuse a method that fails where it is asked which directions it cannot serve."""
    from earshift.debias import Method  # slow to load, and jobs need not

    for method in Method.of_all(config["methods"]).values():
        method.left_out(list(config["datasets"]))


def _check_study(config: Mapping[str, Any], in_job: bool) -> None:
    """Refuse an unknown study, protocol or draw, and what the study does not know."""
    study = protocol.study_of(config["study"])
    given = config["classifier"]["plugin"]
    for one in study.named(config["protocols"]):
        known = one.classifier.get("plugin", given)
        if given != known:
            raise ConfigError(
                f"the protocol '{one.name}' has its own classifier, '{known}', got "
                f"'classifier: {given}': take '{one.name}' out of 'protocols', or "
                "'plugin' out of 'classifier'."
            )
        if one.classifier and not in_job:
            _check_classifier_of(one, config["classifier"])
    if config["splits"]["balance"] not in ("none", "joint"):
        protocol.draw_of(config["splits"]["balance"], study)
    if config["deviations"] and not study.has_deviations:
        name = config["study"]
        raise ConfigError(
            "'deviations: true' asks for the deviations of a study, and "
            + (f"'{name}' has none" if name else "there is no 'study'")
            + f": set 'study' to one that has some ({', '.join(protocol.deviating())})"
            ", or 'deviations: false'."
        )
    study.check(config)


def _check_classifier_of(one: protocol.Protocol, entry: Mapping[str, Any]) -> None:
    """Refuse a protocol with options that the classifier of an experiment lacks."""
    changed = one.classifier_in(entry)
    try:
        _fit_options("classifier", "classifiers", changed)
        classifiers.make_entry(changed)
    except ConfigError as error:
        raise ConfigError(
            f"the protocol '{one.name}' sets options of the classifier "
            f"({', '.join(one.classifier)}): {error} Take '{one.name}' out of "
            "'protocols', or choose another classifier."
        ) from error
