"""What the section on few labels of an experiment must be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from earshift.errors import ConfigError
from earshift.runs.asked import check as check_asked


def check(config: Mapping[str, Any], in_job: bool) -> None:
    """Refuse methods that cannot train on labelled clips of the target.

    Parameters
    ----------
    config : mapping
        The configuration, with complete entries.
    in_job : bool
        Whether a job asks: what takes long was checked before.

    Raises
    ------
    ConfigError
        If a method is not one of the experiment or a control, or ``none`` is missing.
    """
    asked, methods = config["few_labels"]["methods"], config["methods"]
    check_asked("few_labels: methods", asked, "methods", methods)
    if not asked or in_job:
        return
    if "none" not in asked:
        raise ConfigError(
            "'few_labels: methods' must hold 'none': what a correction is worth in "
            "labels is read from the curve without one."
        )
    from earshift.debias import Method  # slow to load, and jobs need not

    for name in asked:
        if Method.of(name, methods[name]).is_control:
            raise ConfigError(
                f"'few_labels: methods': '{name}' is a control, which is given labels "
                "in any case: take it out."
            )
