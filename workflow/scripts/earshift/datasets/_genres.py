"""Genre titles -> subgroups, by a map that is data."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from earshift import names, resources, text
from earshift.errors import ConfigError

_KEYS = ("match", "subgroups")


@dataclass(frozen=True)
class GenreMap:
    """Which titles belong to which subgroup.

    Parameters
    ----------
    match : {"title", "word"}
        Whether a whole title is looked up, or each of its words.
    subgroups : mapping of str to frozenset of str
        Subgroup -> its titles or words, as `names.fold` returns them.
    """

    match: str
    subgroups: Mapping[str, frozenset[str]]

    def subgroup(self, title: str) -> str | None:
        """Return the subgroup of one title, the first that matches, or None."""
        wanted = {names.fold(title)}
        if self.match == "word":
            wanted = set(re.split("[^a-z]+", title.lower()))
        return next((s for s, known in self.subgroups.items() if wanted & known), None)


def _first(genres: Sequence[str]) -> str | None:
    return genres[0] if genres else None


def _majority(genres: Sequence[str]) -> str | None:
    # Counter keeps the order of first appearance among equals.
    return Counter(genres).most_common(1)[0][0] if genres else None


def _unambiguous(genres: Sequence[str]) -> str | None:
    return genres[0] if len(set(genres)) == 1 else None


#: How the subgroup of a clip with several genres is chosen, from those of its titles.
CHOICES: Mapping[str, Callable[[Sequence[str]], str | None]] = {
    "first": _first,
    "majority": _majority,
    "drop_ambiguous": _unambiguous,
}


def choose(titles: Sequence[str], genres: GenreMap, choice: str) -> str | None:
    """Return the subgroup of a clip with these genre titles, or None.

    Parameters
    ----------
    titles : sequence of str
        Its genres, the main one first.
    genres : GenreMap
        Where each title belongs; titles that belong nowhere are passed over.
    choice : {"first", "majority", "drop_ambiguous"}
        The first title that belongs somewhere decides; the subgroup of most titles, the
        earlier one among equals; or the only one, and none if there are two.

    Returns
    -------
    str or None
        The subgroup.
    """
    subgroups = [genres.subgroup(title) for title in titles]
    return CHOICES[choice]([s for s in subgroups if s is not None])


def location(name: str, dataset: str) -> Path:
    """Return the file of a map: one that ships, by name, or a path that ends in .yaml.

    Raises
    ------
    ConfigError
        If there is no such file.
    """
    return resources.locate(
        name,
        "genres",
        what="map of genres",
        a_file="map of genres",
        prefix=f"{dataset}_",
    )


def read(path: Path) -> GenreMap:
    """Read a map of genres.

    Parameters
    ----------
    path : Path
        A YAML file with the keys ``match`` (title or word) and ``subgroups`` (subgroup
        -> list of titles or words).

    Returns
    -------
    GenreMap
        The map.

    Raises
    ------
    ConfigError
        If the file is not such a map, or names a title twice.
    """
    content = text.from_yaml(path)
    if not isinstance(content, dict) or set(content) != set(_KEYS):
        raise ConfigError(f"{path}: a map of genres has the keys {', '.join(_KEYS)}.")
    match, subgroups = content["match"], content["subgroups"]
    if match not in ("title", "word"):
        raise ConfigError(f"{path}: 'match' must be title or word, got {match!r}.")
    if not isinstance(subgroups, dict) or not all(
        isinstance(titles, list) for titles in subgroups.values()
    ):
        raise ConfigError(f"{path}: 'subgroups' must map each subgroup to a list.")
    lower = {str(s): [names.fold(str(t)) for t in ts] for s, ts in subgroups.items()}
    counts = Counter(t for titles in lower.values() for t in titles)
    for title, n in counts.items():
        if n > 1:
            raise ConfigError(f"{path}: '{title}' is listed {n} times; keep one.")
    return GenreMap(match, {s: frozenset(titles) for s, titles in lower.items()})
