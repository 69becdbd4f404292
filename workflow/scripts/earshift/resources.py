"""Files that ship with the library: from the checkout, or as it is installed."""

from __future__ import annotations

from pathlib import Path

from earshift.errors import ConfigError, did_you_mean


def resource(name: str) -> Path:
    """Return the path of a file of ``resources/`` that ships with the library."""
    here = Path(__file__)
    checkout = here.parents[3] / "resources"
    return (checkout if checkout.is_dir() else here.parent / "resources") / name


def locate(name: str, folder: str, *, what: str, a_file: str, prefix: str = "") -> Path:
    """Return a YAML file that ships, by its name, or one of the user's, by its path.

    Parameters
    ----------
    name : str
        Name, or a path that ends in ``.yaml`` or ``.yml``.
    folder : str
        Where in ``resources/`` such files are.
    what, a_file : str
        What the name is of, and what the path is of, for messages.
    prefix : str, default=""
        How the names of the files begin that `name` chooses from.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ConfigError
        If there is none.
    """
    if name.endswith((".yaml", ".yml")):
        path = Path(name).expanduser()
        if not path.is_file():
            raise ConfigError(f"there is no {a_file} '{path}'.")
        return path
    path = resource(f"{folder}/{prefix}{name}.yaml")
    if not path.is_file():
        files = path.parent.glob(f"{prefix}*.yaml")
        known = [file.stem.removeprefix(prefix) for file in files]
        raise ConfigError(
            f"no {what} '{name}' {did_you_mean(name, known)} Or give the path of a "
            ".yaml file."
        )
    return path
