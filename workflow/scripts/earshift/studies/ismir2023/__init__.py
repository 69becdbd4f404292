"""Wang, Richard and McFee (2023): the published code, faults included, and its results.

The protocol ``paper`` does what that code does, ``fixed`` has each fault corrected;
docs/study.md says what the faults are. With ``deviations: true`` each fault is
corrected alone.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from earshift import import_path
from earshift.errors import ConfigError
from earshift.evaluation.protocol import Cells, Protocol, Study
from earshift.stages.report.captions import STUDY
from earshift.stages.report.sections import (
    TEMPLATES,
    Experiment,
    Figure,
    Section,
)
from earshift.studies.ismir2023 import layout

if TYPE_CHECKING:
    from earshift.debias import Method
    from earshift.tables import Table

version = 1
precedes_versions = True
citation = (
    "Wang, Richard and McFee (2023), Transfer learning and bias correction with "
    "pre-trained audio embeddings, ISMIR"
)


class Paper(Protocol):
    """What the published code does."""

    name = "paper"
    balance = "paper"
    subgroups = "subgroup_paper"
    one_repeat = True
    leaves_out = False
    classifier = {"plugin": "logistic", "n_inner_folds": 3}  # noqa: RUF012

    @property
    def methods(self) -> Collection[str]:
        """Plugins of the methods that the study has."""
        from earshift.studies.ismir2023.numerics import METHODS

        return tuple(METHODS)

    def sees(self, method: Method) -> str:
        """Return what a method sees; kernels take their width from both datasets."""
        from earshift.studies.ismir2023.numerics import METHODS

        return "target_unlabelled" if METHODS[method.plugin].sees_target else "none"

    def cross_validate(self, part: Any, **inputs: Any) -> None:  # noqa: ANN401
        """Score as the study does, with its own classifier and inner folds."""
        from earshift.studies.ismir2023 import paper

        paper.cross_validate(part, **inputs)


def draw(cells: Mapping[str, Cells], seeds: Sequence[int]) -> dict[str, list[str]]:
    """Draw clips as the published code does; each repeat has the seed after the last.

    Parameters
    ----------
    cells : mapping of str to mapping
        Name of each dataset -> its clips by label and subgroup.
    seeds : sequence of int
        Seed of the experiment, repeat, fold, and a number of the class.

    Returns
    -------
    dict of str to list of str
        Name -> clips drawn.
    """
    from earshift.stages.splits import draws

    return draws.paper(cells, random_seed=draws.PAPER_SEED + int(seeds[1]))


class StudySection(Section):
    """The conclusions, the protocols side by side, and the deviations."""

    id = "study"
    title = "Study"
    template = TEMPLATES / "study.html.j2"

    def needs(self, config: Mapping[str, Any]) -> list[str]:
        """Return the study's tables and figures."""
        from earshift.studies.ismir2023 import figure_data

        figures = figure_data.figure_names(config["protocols"])
        tables, latex, more = ["main", *figure_data.TABLES], ["main"], []
        if config["deviations"]:
            tables, latex = [*tables, "deviations"], [*latex, "deviations"]
            more = [layout.DEVIATIONS]
        return [
            *(layout.FIGURE.format(figure=name) for name in figures),
            *(layout.TABLE.format(table=name) for name in tables),
            *(layout.LATEX.format(table=name) for name in latex),
            *more,
        ]

    def values(self, experiment: Experiment) -> dict[str, Any]:
        """Return sentences and rows."""
        from earshift.studies.ismir2023 import section

        return section.describe_study(experiment.results, experiment.config)

    def figures(self, experiment: Experiment) -> list[Figure]:
        """Return the figures of the protocol that the page shows."""
        shown = experiment.tables.protocol
        return [
            Figure(f"study/{name.format(shown)}", *texts)
            for name, texts in STUDY.items()
        ]


class Ismir2023(Study):
    """Protocol, deviations, tables, figures and section of the study."""

    protocols = (Paper(),)
    draws = {"paper": draw}  # noqa: RUF012
    has_deviations = True
    rules = import_path.PROJECT / "workflow" / "rules" / "study_ismir2023.smk"
    sections = (StudySection(),)

    def check(self, config: Mapping[str, Any]) -> None:
        """Refuse what the published code does not know."""
        if "paper" not in config["protocols"]:
            if config["deviations"]:
                raise ConfigError(
                    "'deviations: true' compares with the protocol 'paper', which is "
                    f"not among the protocols ({', '.join(config['protocols'])}): add "
                    "it, or set 'deviations: false'."
                )
            return
        if config["splits"]["kind"] != "official":
            raise ConfigError(
                "the protocol 'paper' trains and tests on the datasets' own splits, "
                f"got 'kind: {config['splits']['kind']}': set 'splits: {{kind: "
                "official}', or take 'paper' out of 'protocols'."
            )
        if len(config["datasets"]) != 2:
            raise ConfigError(
                "the protocol 'paper' compares 2 datasets, got "
                f"{len(config['datasets'])} ({', '.join(config['datasets'])}): take "
                "the others out, or 'paper' out of 'protocols'."
            )

    def jobs(self, config: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
        """Return the jobs of deviations, if asked for, of tables and of figures."""
        deviations = {
            "measure_deviations": ("5 scores", layout.CELL_DEVIATIONS),
            "collect_deviations": ("7 statistics", layout.DEVIATIONS),
        }
        return (deviations if config["deviations"] else {}) | {
            "tabulate_study": ("8 report", layout.TABLE.format(table="main")),
            "draw_study": ("8 report", layout.FIGURES),
        }

    def tables(self) -> Sequence[Table]:
        """Return the study's own tables."""
        from earshift.studies.ismir2023 import columns

        return columns.ALL


def make() -> Study:
    """Return the study."""
    return Ismir2023()
