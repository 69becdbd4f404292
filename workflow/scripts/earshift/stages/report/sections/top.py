"""The section at the top: what all sections found, and what is left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from earshift.conditions import conditions_of
from earshift.stages.report.sections import TEMPLATES, Experiment, Section, left_out


class Top(Section):
    """What is left out, the findings, and notes on methods."""

    id = "findings"
    title = "Findings"
    template = TEMPLATES / "top.html.j2"

    def needs(self, config: Mapping[str, Any]) -> list[str]:
        """Return what says which classes and clips are left out."""
        return ["4_splits/classes.csv"] + [
            file
            for name in config["datasets"]
            for file in (
                f"1_clips/{name}.parquet",
                f"1_clips/{name}.audit.csv",
                f"1_clips/{name}.notes.json",
                f"4_splits/{name}.labels.parquet",
                *(
                    f"3_features/{name}/{model}/{condition}.skipped.csv"
                    for model in config["models"]
                    for condition in conditions_of(config["conditions"])
                ),
            )
        ]

    def values(self, experiment: Experiment) -> dict[str, Any]:
        """Return sentences on what is left out, and the methods."""
        from earshift.stages.report.sections import sources

        return {
            "left_out": left_out.describe(
                experiment.results, experiment.datasets, experiment.models
            ),
            "left_out_shown": left_out.SHOWN,
            "methods": sources.describe_methods(
                experiment.config,
                share_subgroup=sources.share_subgroup(
                    experiment.results, experiment.datasets
                ),
            ),
        }
