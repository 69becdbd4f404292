"""What a protocol decides, and what a study adds to an experiment.

A protocol says which clips train and test, how methods and classifiers are fitted, and
what they see. The core has one, ``fixed``: `Protocol` as it is. A study is a plugin
(`earshift.studies`) that adds protocols of its own, such as what its published code
does, and may add tables, figures and a section of the report.

Both are made once, from the key `study` of the configuration, and passed on: `study_of`
is the only place where a study is looked up.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pandas as pd

from earshift import registry
from earshift.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from earshift.debias import Method
    from earshift.tables import Table

#: Below this many refits, what training data have a part in is not known.
MIN_REFITS = 4

#: Clips of one dataset by label (with the class, without it) and subgroup, in order.
Cells = Mapping[bool, Mapping[str, Sequence[str]]]

#: A way to draw training clips of a class: from the cells of each dataset, and from the
#: numbers that seed it (seed of the experiment, repeat, fold, and one of the class), to
#: the clips drawn of each dataset.
Draw = Callable[[Mapping[str, Cells], Sequence[int]], dict[str, list[str]]]


class Protocol:
    """One way to compute an experiment; as it is, the protocol ``fixed``.

    Attributes
    ----------
    name : str
        What config, tables and paths of results call it.
    balance : str or None
        How training clips are drawn, as ``splits: balance`` names it; None for what
        that says.
    subgroups : str
        Column of the clip table with the subgroups that count, where it has this one;
        otherwise it is ``subgroup``.
    one_repeat : bool
        Whether only the first repeat of the splits is used.
    leaves_out : bool
        Whether clips whose recording is tested elsewhere are left out of training.
    classifier : mapping
        Options of the config's classifier that are otherwise here, such as ``{"C":
        [1.0]}``. If its `plugin` is among them, the protocol knows no other classifier.
    methods : collection of str or None
        Plugins of the debias methods that it knows, ``none`` among them; None for all.
        Others are left out of it.
    cross_validate : callable or None
        Called in place of the core's cross-validation, as ``cross_validate(part,
        entries=..., classes=..., draws=..., methods=..., scopes=..., seed=...,
        n_workers=..., spread=..., parts=...)``, all of it as in
        `evaluate.cross_validate`; `part` is a `scoring.Part`, for `scoring.write`.
    """

    name: str = "fixed"
    balance: str | None = None
    subgroups: str = "subgroup"
    one_repeat: bool = False
    leaves_out: bool = True
    classifier: Mapping[str, Any] = MappingProxyType({})
    cross_validate: Callable[..., None] | None = None

    @property
    def methods(self) -> Collection[str] | None:
        """Plugins of the methods that it knows; None for all."""
        return None

    def sees(self, method: Method) -> str:
        """Return what a method sees of the target: one of `registry.ACCESS`.

        Parameters
        ----------
        method : Method
            One of a plugin that is among `methods`.

        Returns
        -------
        str
            What it sees before clips are drawn by their labels, and in scope global.
        """
        return method.access

    def classifier_in(self, entry: Mapping[str, Any]) -> dict[str, Any]:
        """Return the entry of an experiment's classifier as it is in this protocol."""
        return {**entry, **self.classifier}

    def balance_in(self, config: Mapping[str, Any]) -> str:
        """Return how an experiment draws its training clips; ``none`` for all."""
        return self.balance or str(config["splits"]["balance"])

    def subgroup_of(self, table: pd.DataFrame) -> pd.Series[str]:
        """Return the subgroup of each clip of a clip table."""
        return table[self.subgroups if self.subgroups in table else "subgroup"]


#: The protocol of the core.
FIXED = Protocol()


class Study:
    """What a study adds to an experiment; as it is, nothing.

    Attributes
    ----------
    protocols : tuple of Protocol
        Protocols beside ``fixed``, which the config may name under ``protocols``.
    draws : mapping of str to Draw
        Ways to balance training clips that ``splits: balance`` may name.
    has_deviations : bool
        Whether ``deviations: true`` means something to its `rules`.
    rules : Path or None
        A Snakemake file with the rules that make what its sections need. It is included
        after stage 7, and has the names of ``common.smk`` and the rules of stages 1 to
        7.
    sections : tuple of Section
        Sections that the report has after those on results, each an
        `earshift.stages.report.sections.Section`, which this room may not import.
    """

    protocols: tuple[Protocol, ...] = ()
    draws: Mapping[str, Draw] = {}
    has_deviations: bool = False
    rules: Path | None = None
    sections: tuple[Any, ...] = ()

    def check(self, config: Mapping[str, Any]) -> None:
        """Refuse a complete configuration that the study cannot be computed with.

        Parameters
        ----------
        config : mapping
            As `settings.resolve` returns it.

        Raises
        ------
        ConfigError
            With what to change.
        """

    def jobs(
        self,
        config: Mapping[str, Any],  # noqa: ARG002
    ) -> dict[str, tuple[str, str]]:
        """Return the jobs that `rules` add, for ``make status``.

        Parameters
        ----------
        config : mapping
            The complete configuration.

        Returns
        -------
        dict of str to (str, str)
            Rule -> its stage, as in `job_list.RULES`, and what each of its jobs writes
            in the folder of the results. In that ``{protocol}`` stands for each of
            `protocols` that the experiment has.
        """
        return {}

    def tables(self) -> Sequence[Table]:
        """Return the CSV files of its own that `rules` make, for docs/tables.md."""
        return ()

    def protocol(self, name: str) -> Protocol:
        """Return a protocol of the experiment by its name.

        Raises
        ------
        ConfigError
            If neither the core nor the study has it.
        """
        return self.named([name])[0]

    def named(self, names: Sequence[str]) -> list[Protocol]:
        """Return several protocols as `protocol` does."""
        known = {one.name: one for one in (FIXED, *self.protocols)}
        for name in names:
            if name not in known:
                raise ConfigError(_unknown_protocol(name, known))
        return [known[name] for name in names]


#: An experiment without a study.
NO_STUDY = Study()


def study_of(name: str | None) -> Study:
    """Return a study by what the config calls it.

    Parameters
    ----------
    name : str or None
        As `registry.load` takes it; None for an experiment without a study.

    Returns
    -------
    Study
        The study.

    Raises
    ------
    ConfigError
        If there is no such study.
    """
    if name is None:
        return NO_STUDY
    try:
        study: Study = registry.load("studies", name).make()
    except ConfigError as error:
        raise ConfigError(f"'study': {error}") from error
    return study


def version_of(name: str | None) -> dict[str, int | str]:
    """Return the version of a study, among those that decide results.

    Parameters
    ----------
    name : str or None
        As for `study_of`.

    Returns
    -------
    dict
        ``{"study": version}``, with the name where the version does not tell one study
        from another. Empty without a study, and for the first version of one that says
        `precedes_versions`: results from before studies had versions stay.
    """
    if name is None:
        return {}
    version = registry.version_of("studies", name)
    if getattr(registry.load("studies", name), "precedes_versions", False):
        return {} if version == 1 else {"study": version}
    # That of a user's own file has its contents.
    return {"study": version if registry.is_file(name) else f"{name} {version}"}


def draw_of(balance: str, study: Study) -> Draw:
    """Return how training clips are drawn.

    Parameters
    ----------
    balance : str
        As ``splits: balance`` names it, but neither ``none`` nor ``joint``, which are
        of the core.
    study : Study
        That of the experiment. What the library's studies have can be used without
        them, too.

    Returns
    -------
    Draw
        The function that draws.

    Raises
    ------
    ConfigError
        If no study has it.
    """
    known: dict[str, Draw] = {}
    for each in (*_library().values(), study):
        known |= each.draws
    if balance not in known:
        raise ConfigError(
            f"'splits: balance': there is no way to draw '{balance}' "
            f"{did_you_mean(balance, {'none', 'joint', *known})}"
        )
    return known[balance]


def deviating() -> list[str]:
    """Return the installed studies that have deviations."""
    return [name for name, study in _library().items() if study.has_deviations]


def _library() -> dict[str, Study]:
    """Return every study that is installed, by name."""
    return {name: study_of(name) for name in registry.names("studies")}


def _unknown_protocol(name: str, known: Collection[str]) -> str:
    """Return what to say of a protocol that neither core nor study has."""
    others = {p.name: s for s, each in _library().items() for p in each.protocols}
    if name in others:
        return (
            f"the protocol '{name}' is of the study '{others[name]}': add 'study: "
            f"{others[name]}' to the config, or take '{name}' out of 'protocols'."
        )
    return (
        f"'protocols': there is no protocol '{name}' "
        f"{did_you_mean(name, {*known, *others})}"
    )


def check_refits(number: int) -> None:
    """Refuse a number of refits from which no variance can be told.

    Raises
    ------
    ConfigError
        If it is neither 0 nor at least `MIN_REFITS`.
    """
    if 0 < number < MIN_REFITS:
        raise ConfigError(
            f"n_refits must be 0 or at least {MIN_REFITS}, got {number}: each draw of "
            "training recordings is looked at in two repeats, and one draw has no "
            "spread. Without refits, intervals hold for other test recordings only."
        )
