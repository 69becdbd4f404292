"""Sections of the page: each a module with a `Section`, and a template of its own.

`earshift.stages.report.page` lists them in their order. The modules are loaded before a
run, for what they need: what takes long to import, they import inside functions.
`findings`, `forecast`, `left_out` and `sources` are no sections: they describe what
several of these show.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from earshift import import_path
from earshift.conditions import conditions_of, studied

if TYPE_CHECKING:
    from earshift.stages.report.final_tables import Tables

#: Folder of the templates.
TEMPLATES = import_path.PROJECT / "workflow" / "report" / "sections"

#: More sentences than this under one heading are drawn together.
MANY = 8


def paths(config: Mapping[str, Any], *patterns: str) -> list[str]:
    """Return the results of some kinds that an experiment has, for what sections need.

    Parameters
    ----------
    config : mapping
        The complete configuration.
    *patterns : str
        Of `earshift.layout`, with the wildcards dataset, model and condition.

    Returns
    -------
    list of str
        Paths from the folder of the results, for every dataset, model and condition.
    """
    out = []
    for pattern in patterns:
        # Corrections end with the features.
        of_features = pattern.startswith(("2_", "3_"))
        known = conditions_of(config["conditions"]) if of_features else studied(config)
        values = {
            "dataset": config["datasets"],
            "model": config["models"],
            "condition": known,
        }
        names = [name for name in values if f"{{{name}}}" in pattern]
        for key in product(*(values[name] for name in names)):
            out.append(pattern.format(**dict(zip(names, key, strict=True))))
    return out


@dataclass(frozen=True)
class Experiment:
    """A finished experiment, as sections see it.

    Parameters
    ----------
    results : Path
        Folder of the results.
    config : mapping
        The complete configuration.
    versions : mapping
        Kind of plugin -> name -> version.
    tables : Tables
        The final tables, of the protocol that the page shows.
    """

    results: Path
    config: Mapping[str, Any]
    versions: Mapping[str, Mapping[str, int | str]]
    tables: Tables

    @property
    def datasets(self) -> list[str]:
        """Names of the datasets."""
        return list(self.config["datasets"])

    @property
    def models(self) -> list[str]:
        """Names of the models."""
        return list(self.config["models"])


@dataclass(frozen=True)
class Findings:
    """Findings on one question.

    Parameters
    ----------
    heading : str
        The question.
    sentences : list of str
        The answers, plain text.
    """

    heading: str
    sentences: list[str]


@dataclass(frozen=True)
class Figure:
    """A figure that was drawn before, in ``figures/``.

    Parameters
    ----------
    name : str
        Its path in that folder, without ``.svg``.
    title, alt : str
        Title and alternative text.
    caption : str
        Caption, in which ``{level}`` is the confidence level.
    """

    name: str
    title: str
    alt: str
    caption: str


class Section:
    """One section of the page; as it is, it shows nothing and needs nothing.

    Attributes
    ----------
    id : str
        What links on the page call it: its template has it in a heading, as ``<h2
        id="...">``.
    title : str
        What the contents of the page call it.
    template : Path
        Jinja template. It knows what `values` returns; `figures` (with `name`, `title`,
        `alt`, `caption` and `data`); of every section `names` (of the datasets),
        `level` (of confidence), `note` (the protocol shown, if there are several) and
        `findings`; the macros in ``workflow/report/macros.html.j2`` and the functions
        `number`, `signed`, `interval`, `signed_interval`, `p_value` and
        `without_spread`.
    """

    id: str
    title: str
    template: Path

    def needs(self, config: Mapping[str, Any]) -> Sequence[str]:  # noqa: ARG002
        """Return the files that it reads, or sends readers to.

        They are made before the page, and the page anew when they change.

        Parameters
        ----------
        config : mapping
            The complete configuration.

        Returns
        -------
        sequence of str
            Paths from the folder of the results, each once; not the final tables, which
            all sections have.
        """
        return ()

    def values(self, experiment: Experiment) -> Mapping[str, Any] | None:  # noqa: ARG002
        """Return the values of the template's names.

        Parameters
        ----------
        experiment : Experiment
            Whose page it is.

        Returns
        -------
        mapping or None
            None if there is nothing to show: the section is left out.
        """
        return None

    def findings(self, experiment: Experiment) -> Sequence[Findings]:  # noqa: ARG002
        """Return what is to be said of it at the top of the page, if anything.

        It is said even if the section itself is left out.
        """
        return ()

    def figures(self, experiment: Experiment) -> Sequence[Figure]:  # noqa: ARG002
        """Return its figures, if it has any."""
        return ()
