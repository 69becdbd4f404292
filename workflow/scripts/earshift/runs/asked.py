"""Names in one section of an experiment that another section must have."""

from __future__ import annotations

from collections.abc import Iterable

from earshift.errors import ConfigError, did_you_mean


def check(where: str, names: Iterable[str], section: str, known: Iterable[str]) -> None:
    """Refuse a name that another section does not have.

    Parameters
    ----------
    where : str
        Which names, such as ``few_labels: methods``.
    names : iterable of str
        The names.
    section, known : str, iterable of str
        The other section, and the names that it has.

    Raises
    ------
    ConfigError
        With the names that are most like it.
    """
    known = list(known)
    for name in names:
        if name not in known:
            raise ConfigError(
                f"'{where}': '{name}' is not one of '{section}' "
                f"{did_you_mean(name, known)}"
            )
