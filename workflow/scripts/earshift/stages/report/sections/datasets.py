"""The section on datasets: what each holds, and the clips of it that are left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from earshift.conditions import conditions_of
from earshift.stages.report.sections import TEMPLATES, Experiment, Section


class Datasets(Section):
    """Counts of clips and recordings, and clips left out."""

    id = "datasets"
    title = "Datasets"
    template = TEMPLATES / "datasets.html.j2"

    def needs(self, config: Mapping[str, Any]) -> list[str]:
        """Return the clip tables, and what says which clips are left out."""
        tables = [
            file
            for name in config["datasets"]
            for file in (
                f"1_clips/{name}.parquet",
                f"1_clips/{name}.audit.csv",
                f"4_splits/{name}.labels.parquet",
            )
        ]
        return tables + [
            f"3_features/{name}/{model}/{condition}.skipped.csv"
            for name in config["datasets"]
            for model in config["models"]
            for condition in conditions_of(config["conditions"])
        ]

    def values(self, experiment: Experiment) -> dict[str, Any]:
        """Return a row, and clips left out, of each dataset."""
        from earshift.stages.report.sections import sources

        return {
            "datasets": sources.describe_datasets(experiment.results, experiment.config)
        }
