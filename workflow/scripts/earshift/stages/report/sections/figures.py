"""The figures of the final tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from earshift.stages.report.captions import CAPTIONS
from earshift.stages.report.sections import TEMPLATES, Experiment, Figure, Section


class Figures(Section):
    """All figures that are drawn from the final tables."""

    id = "figures"
    title = "Figures"
    template = TEMPLATES / "figures.html.j2"

    def needs(self, config: Mapping[str, Any]) -> list[str]:  # noqa: ARG002
        """Return the figures."""
        return [f"figures/{name}.svg" for name in CAPTIONS]

    def values(self, experiment: Experiment) -> dict[str, Any]:  # noqa: ARG002
        """Return nothing: the figures are all."""
        return {}

    def figures(self, experiment: Experiment) -> list[Figure]:  # noqa: ARG002
        """Return the figures with their captions."""
        return [Figure(name, *texts) for name, texts in CAPTIONS.items()]
