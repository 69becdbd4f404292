"""The section on datasets: what each holds, and the clips of it that are left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from earshift import layout
from earshift.stages.report.sections import TEMPLATES, Experiment, Section, paths


class Datasets(Section):
    """Counts of clips and recordings, and clips left out."""

    id = "datasets"
    title = "Datasets"
    template = TEMPLATES / "datasets.html.j2"

    def needs(self, config: Mapping[str, Any]) -> list[str]:
        """Return the clip tables, and what says which clips are left out."""
        tables = (layout.CLIPS, layout.CLIP_AUDIT, layout.ALL_LABELS)
        return paths(config, *tables, layout.NO_FEATURES)

    def values(self, experiment: Experiment) -> dict[str, Any]:
        """Return a row, and clips left out, of each dataset."""
        from earshift.stages.report.sections import sources

        return {
            "datasets": sources.describe_datasets(experiment.results, experiment.config)
        }
