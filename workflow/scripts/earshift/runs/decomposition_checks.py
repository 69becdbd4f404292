"""What the section on the decomposition of gaps of an experiment must be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from earshift.errors import ConfigError
from earshift.runs.asked import check as check_asked


def check(config: Mapping[str, Any], in_job: bool) -> None:
    """Refuse methods and metrics by which no gap can be decomposed.

    Parameters
    ----------
    config : mapping
        The configuration, with complete entries.
    in_job : bool
        Whether a job asks: what takes long was checked before.

    Raises
    ------
    ConfigError
        If a method is not one of the experiment or a control, the first is not
        ``none``, or there is no such metric.
    """
    asked, methods = config["decomposition"]["methods"], config["methods"]
    check_asked("decomposition: methods", asked, "methods", methods)
    if not asked or in_job:
        return
    if asked[0] != "none":
        raise ConfigError(
            "'decomposition: methods' must begin with 'none', as each method is "
            f"compared with the one before it, got {asked}. Put 'none' first."
        )
    from earshift.debias import Method  # slow to load, and jobs need not
    from earshift.evaluation import decomposition

    for name in asked:
        if Method.of(name, methods[name]).is_control:
            raise ConfigError(
                f"'decomposition: methods': '{name}' is a control, which removes "
                "nothing of a gap: take it out."
            )
    try:
        decomposition.metric_of(config["decomposition"]["metric"])
    except ConfigError as error:
        raise ConfigError(f"'decomposition: metric': {error}") from error
