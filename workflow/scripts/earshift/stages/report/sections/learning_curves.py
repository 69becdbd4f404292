"""The figure of scores by the number of recordings that train."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from earshift.stages.report.captions import LEARNING
from earshift.stages.report.sections import TEMPLATES, Experiment, Figure, Section

#: The figure of the curves, in ``figures/``.
NAME = "learning_curves"


class LearningCurves(Section):
    """What more training recordings give, within and across."""

    id = "learning-curves"
    title = "Learning curves"
    template = TEMPLATES / "learning_curves.html.j2"

    def needs(self, config: Mapping[str, Any]) -> list[str]:  # noqa: ARG002
        """Return the figure."""
        return [f"figures/{NAME}.svg"]

    def values(self, experiment: Experiment) -> dict[str, Any] | None:
        """Return nothing but the figure, if any curve was measured."""
        return None if experiment.tables.learning_curves.empty else {}

    def figures(self, experiment: Experiment) -> list[Figure]:  # noqa: ARG002
        """Return the curves."""
        return [Figure(NAME, *LEARNING)]
