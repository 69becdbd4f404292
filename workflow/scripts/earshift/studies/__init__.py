"""Studies: what an experiment adds to repeat, or to answer, one publication.

A study is a folder ``earshift/studies/<name>/``, a file ``<name>.py`` there, a user's
own file, or an entry point; ``study: <name>`` in the configuration asks for it. Without
that key nothing of any study is imported. Its module defines

``version``
    An integer that is raised whenever its numbers change.
``citation``
    The publication.
``make()``
    Return a `Study`: its protocols, each a `Protocol`, and, as far as it has them, ways
    to draw training clips, a check of the configuration, rules with the jobs they add
    to ``make status``, and sections of the report, each a `Section`.

and, if there are results of it from before studies had versions, ``precedes_versions =
True``: its version 1 is then what they were made with.

`Study` and `Protocol` are complete as they are: a study overrides what it does
otherwise. What takes long to import is imported inside the functions that need it,
since every job of such an experiment makes its study. ``earshift/studies/ismir2023`` is
the model to follow.
"""

from __future__ import annotations

from types import ModuleType

from earshift.errors import ConfigError
from earshift.evaluation.protocol import FIXED, Draw, Protocol, Study
from earshift.stages.report.sections import Experiment, Figure, Findings, Section

__all__ = [
    "Draw",
    "Experiment",
    "Figure",
    "Findings",
    "Protocol",
    "Section",
    "Study",
]


def check_plugin(name: str, module: ModuleType) -> None:
    """Refuse a study that cannot be.

    Parameters
    ----------
    name : str
        What it is called in the config.
    module : module
        The plugin.

    Raises
    ------
    ConfigError
        If it makes no `Study`, a protocol is none or has a name that it cannot have, a
        way to draw has the name of one of the core, or a section cannot be shown.
    """
    study = module.make()
    if not isinstance(study, Study):
        raise ConfigError(
            f"make() of the study '{name}' must return an earshift.studies.Study, got "
            f"{study!r}."
        )
    taken = {FIXED.name}
    for protocol in study.protocols:
        if not isinstance(protocol, Protocol):
            raise ConfigError(
                f"the protocols of the study '{name}' must be objects of classes that "
                f"derive from earshift.studies.Protocol, got {protocol!r}."
            )
        called = protocol.name
        is_word = isinstance(called, str) and called.replace("_", "").isalnum()
        # Names become folders and columns.
        if not is_word or called in taken:
            raise ConfigError(
                f"the study '{name}' has a protocol '{called}': names of protocols are "
                "letters, digits and '_', none twice, and 'fixed' is that of the core."
            )
        taken.add(called)
    if same := sorted({"none", "joint"} & set(study.draws)):
        raise ConfigError(
            f"the study '{name}' has a way to draw called '{same[0]}', which is the "
            "name of one of the core: it would never be used."
        )
    for section in study.sections:
        _check_section(name, section)


def _check_section(name: str, section: object) -> None:
    """Refuse a section that the page could not show."""
    if not isinstance(section, Section):
        raise ConfigError(
            f"the sections of the study '{name}' must be earshift.studies.Section, got "
            f"{section!r}."
        )
    for fact in ("id", "title", "template"):
        if not hasattr(section, fact):
            raise ConfigError(
                f"the section {type(section).__name__} of the study '{name}' does not "
                f"define '{fact}'."
            )
    if not section.template.is_file():
        raise ConfigError(
            f"there is no template '{section.template}', which the section "
            f"{type(section).__name__} of the study '{name}' names."
        )
