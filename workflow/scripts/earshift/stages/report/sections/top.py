"""The section at the top: what all sections found, and what is left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from earshift import layout
from earshift.stages.report.sections import (
    TEMPLATES,
    Experiment,
    Section,
    left_out,
    paths,
)


class Top(Section):
    """What is left out, the findings, and notes on methods."""

    id = "findings"
    title = "Findings"
    template = TEMPLATES / "top.html.j2"

    def needs(self, config: Mapping[str, Any]) -> list[str]:
        """Return what says which classes and clips are left out."""
        return paths(
            config,
            layout.CLASSES,
            layout.CLIPS,
            layout.CLIP_AUDIT,
            layout.CLIP_NOTES,
            layout.ALL_LABELS,
            layout.NO_FEATURES,
        )

    def values(self, experiment: Experiment) -> dict[str, Any]:
        """Return sentences on what is left out, and the methods."""
        from earshift.stages.report.sections import sources

        return {
            "left_out": left_out.describe(
                experiment.results, experiment.datasets, experiment.models
            ),
            "left_out_shown": left_out.SHOWN,
            "refitted": experiment.config["statistics"]["n_refits"] > 1,
            "methods": sources.describe_methods(
                experiment.config,
                share_subgroup=sources.share_subgroup(
                    experiment.results, experiment.datasets
                ),
            ),
        }
