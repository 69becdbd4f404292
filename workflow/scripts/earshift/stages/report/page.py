"""Write the report: one HTML file that needs no other file, script or network."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from earshift import files
from earshift.errors import DataError
from earshift.evaluation import protocol
from earshift.stages.report import final_tables, words
from earshift.stages.report.sections import (
    Experiment,
    Figure,
    Findings,
    Section,
)
from earshift.stages.report.sections.attribution import Attribution
from earshift.stages.report.sections.audit import Audit
from earshift.stages.report.sections.classes import Classes
from earshift.stages.report.sections.datasets import Datasets
from earshift.stages.report.sections.decomposition import Decompositions
from earshift.stages.report.sections.discrepancy import Discrepancy
from earshift.stages.report.sections.figures import Figures
from earshift.stages.report.sections.gaps import Gaps
from earshift.stages.report.sections.gate import Gate
from earshift.stages.report.sections.label_curves import LabelCurves
from earshift.stages.report.sections.learning_curves import LearningCurves
from earshift.stages.report.sections.licences import Licences
from earshift.stages.report.sections.main_table import MainTable
from earshift.stages.report.sections.methods import Methods
from earshift.stages.report.sections.padding import Padding
from earshift.stages.report.sections.provenance import Provenance
from earshift.stages.report.sections.reading import Reading
from earshift.stages.report.sections.rescaled import Rescaled
from earshift.stages.report.sections.scorecard import Scorecard
from earshift.stages.report.sections.sensitivity import Sensitivity
from earshift.stages.report.sections.threshold import Threshold
from earshift.stages.report.sections.top import Top
from earshift.stages.report.sections.worst_classes import WorstClasses

if TYPE_CHECKING:
    from jinja2 import Environment

#: Sections in the order of the page: first what was found. Those of a study follow.
RESULTS: tuple[Section, ...] = (
    Top(),
    MainTable(),
    Figures(),
    Gaps(),
    Scorecard(),
    Gate(),
    Rescaled(),
    Threshold(),
    LearningCurves(),
    LabelCurves(),
    Decompositions(),
    Sensitivity(),
    WorstClasses(),
    Discrepancy(),
    Attribution(),
)

#: Then what explains it.
BACKGROUND: tuple[Section, ...] = (
    Classes(),
    Datasets(),
    Audit(),
    Padding(),
    Reading(),
    Methods(),
    Provenance(),
    Licences(),
)


def sections_of(config: Mapping[str, Any]) -> tuple[Section, ...]:
    """Return the sections of an experiment's page, in their order.

    Parameters
    ----------
    config : mapping
        The complete configuration.

    Returns
    -------
    tuple of Section
        Those of its study among them.
    """
    study = protocol.study_of(config["study"])
    return (*RESULTS, *study.sections, *BACKGROUND)


def needs(config: Mapping[str, Any]) -> list[str]:
    """Return the files that the page is made from.

    Parameters
    ----------
    config : mapping
        The complete configuration.

    Returns
    -------
    list of str
        Paths from the folder of the results, each once.
    """
    paths = [file for section in sections_of(config) for file in section.needs(config)]
    tables = [f"tables/{name}.csv" for name in final_tables.NAMES]
    return list(dict.fromkeys([*tables, *paths]))


def write_report(
    results: Path,
    config: Mapping[str, Any],
    versions: Mapping[str, Mapping[str, int | str]],
    *,
    template: Path,
    out: Path,
) -> None:
    """Write the report of an experiment as one self-contained page.

    Parameters
    ----------
    results : Path
        Folder of the results, with what `needs` returns.
    config : mapping
        The complete configuration.
    versions : mapping
        Kind of plugin -> name -> version.
    template : Path
        Jinja template of the page, beside that of its macros.
    out : Path
        HTML file to write.

    Raises
    ------
    DataError
        If a file is missing that a section needs.
    """
    tables = final_tables.read(results / "tables", measures=config["discrepancy"])
    page = render(Experiment(results, config, versions, tables), template)
    with files.whole_file(out) as file:
        file.write_text(page, encoding="utf-8")


def render(experiment: Experiment, template: Path) -> str:
    """Fill the templates of the page and of its sections; every value is escaped.

    Parameters
    ----------
    experiment : Experiment
        Whose page it is.
    template : Path
        As in `write_report`.

    Returns
    -------
    str
        The page.

    Raises
    ------
    DataError
        If a file is missing that a section needs.
    """
    from markupsafe import Markup

    environment = _environment(template.parent)
    shown = section_values(experiment)
    sections = [
        {
            "id": section.id,
            "title": section.title,
            "html": Markup(  # its template escapes
                environment.get_template(str(section.template)).render(values)
            ),
        }
        for section, values in shown
    ]
    values = frame_values(experiment) | {"sections": sections}
    return environment.get_template(template.name).render(values)


def _environment(folder: Path) -> Environment:
    """Return what fills templates, with the functions and macros that these have."""
    import jinja2

    environment = jinja2.Environment(
        # The templates of sections may be anywhere.
        loader=jinja2.FileSystemLoader([folder, "/"]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {
        "number": words.number,
        "signed": words.signed,
        "interval": words.interval,
        "signed_interval": words.signed_interval,
        "p_value": words.p_value,
        "without_spread": words.without_spread,
    }
    macros = environment.get_template("macros.html.j2").module
    environment.globals |= {
        name: macro for name, macro in vars(macros).items() if name[0] != "_"
    }
    return environment


def section_values(experiment: Experiment) -> list[tuple[Section, dict[str, Any]]]:
    """Return the sections that the page shows, with the values of their templates.

    Parameters
    ----------
    experiment : Experiment
        Whose page it is.

    Returns
    -------
    list of (Section, dict)
        In the order of the page.

    Raises
    ------
    DataError
        If a file is missing that a section needs.
    """
    config = experiment.config
    level = f"{100 * config['statistics']['confidence']:g}\N{NO-BREAK SPACE}%"
    findings: list[Findings] = []
    shown: list[tuple[Section, Mapping[str, Any]]] = []
    for section in sections_of(config):
        try:
            findings += section.findings(experiment)
            values = section.values(experiment)
            if values is None:
                continue
            figures = [
                _embedded(experiment.results, figure, level)
                for figure in section.figures(experiment)
            ]
        except FileNotFoundError as error:
            raise DataError(
                f"the section {type(section).__name__} of the report needs a file that "
                f"is missing: {error.filename or error}"
            ) from error
        shown.append((section, {"figures": figures, **values}))
    common = {
        "names": experiment.datasets,
        "level": level,
        "note": experiment.tables.note,
        "findings": findings,
    }
    return [(section, {**common, **values}) for section, values in shown]


def frame_values(experiment: Experiment) -> dict[str, Any]:
    """Return what the page says around its sections.

    Parameters
    ----------
    experiment : Experiment
        Whose page it is.

    Returns
    -------
    dict
        Keys title, models, methods and controls (names), classifier, n_classes,
        protocol.
    """
    from earshift.stages.report.sections import sources

    protocols = list(experiment.tables.protocols)
    rows = experiment.tables.all_summary
    controls = {*rows.loc[rows["is_control"], "method"]}
    methods = list(experiment.config["methods"])
    return {
        "title": f"Dataset bias between {words.listed(experiment.datasets)}",
        "models": experiment.models,
        "methods": [name for name in methods if name not in controls],
        "controls": [name for name in methods if name in controls],
        "classifier": sources.describe_classifier(experiment.config),
        "n_classes": int(experiment.tables.summary["n_classes"].max()),
        "protocol": f"protocol{'s' * (len(protocols) > 1)} {words.listed(protocols)}",
    }


def _embedded(results: Path, figure: Figure, level: str) -> dict[str, str]:
    """Return a figure as its template shows it, with all of its file."""
    path = results / "figures" / f"{figure.name}.svg"
    image = base64.b64encode(path.read_bytes()).decode()
    return {
        "name": figure.name.replace("/", "-"),
        "title": figure.title,
        "alt": figure.alt,
        "caption": figure.caption.format(level=level),
        "data": f"data:image/svg+xml;base64,{image}",
    }
