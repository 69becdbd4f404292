"""Which columns of numbers are no features: by their names, and by what they hold.

A column that counts rows, or says the class or the fold of a clip, tells classifiers
the answer, and looks like any other number.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from earshift.errors import DataError

#: In fewer rows than that, a feature may hold whole numbers by chance.
FEW_ROWS = 8

#: A column of so many different whole numbers, or fewer, may hold classes or folds.
FEW_VALUES = 50

#: Names, in lower case, of columns that say something else of a clip or a row.
_NAMES = re.compile(
    r"""
    | unnamed (:\s*\d+ (\.\d+)? )? | __index_level_\d+__ | level_\d+ | row s?
    | id[\W_].* | keys | name s? | valid | set
    | (.*[\W_])? (path|filename|url|md5|sha256)
    | (.*[\W_])? (date|datetime|timestamp|year|month|day) | time | created | modified
    | n_frames | first_frame | n_samples | sample_rate (_hz)?
    | duration (_s)? | start (_s)? | end (_s)? | offset | seed
    """,
    re.VERBOSE,
)

#: First or last words, in lower case, of such names.
_WORDS = re.compile(
    r"""
    (is|has)? (
        label s? | target s? | class | classes | category | categories | y | gt | truth
      | groundtruth | annotation s? | annotated | onehot
      | pred s? | predicted | prediction s? | prob s? | proba | probability
      | k? fold s? | cv | split s? | subset s? | partition s?
      | train | training | test | testing | val | validation
      | dataset s? | domain s? | corpus | corpora | source | session
      | recording s? | track s? | album | artist s? | speaker s? | clip s? | file s?
      | take s? | segment s? | frame s? | subgroup s? | group s? | cluster s?
      | genre s? | instrument s? | species
    ) (id | ids | no | nr | num | number | idx | index | code | label | name)?
    | is
    """,
    re.VERBOSE,
)

#: Last words of such names.
_LAST = re.compile("ids?|uid|uuid|guid|key|no|nr|num|number|idx|index|set")


def may_be_feature(name: str, names: Sequence[str]) -> bool:
    """Return False for the name of a column that says something else.

    Parameters
    ----------
    name : str
        Such as ``"class_0"`` or ``"datasetNo"``.
    names : sequence of str
        All columns of the table.

    Returns
    -------
    bool
        True for names such as ``"f0"``, ``"dim_7"``, ``"mfcc_1_mean"`` and ``"12"``.
    """
    if _NAMES.fullmatch(name.strip().lower()):
        return False
    tokens = _tokens(name)
    words = [token for token in tokens if not token.isdigit()]
    if words and (_WORDS.fullmatch(words[0]) or _WORDS.fullmatch(words[-1])):
        return False
    if tokens and _LAST.fullmatch(tokens[-1]):
        return False
    # What pandas calls a column whose name occurs for the second time.
    again = re.fullmatch(r"(.*\D.*)\.\d+", name)
    return not (again and again[1] in names)


def _tokens(name: str) -> list[str]:
    """Return the words and numbers of a name, as of snake_case and camelCase."""
    name = re.sub(r"(?i)one[\W_]?hot", "onehot", name)
    parts = re.findall(r"\d+|[^\W\d_]+", name)
    camel = r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])"
    return [word.lower() for part in parts for word in re.split(camel, part)]


def refuse_row_numbers(
    file: object,
    blocks: Iterable[NDArray[np.float32]],
    shape: tuple[int, int],
    name_of: Callable[[int], str],
) -> Iterator[NDArray[np.float32]]:
    """Yield all blocks; then refuse a feature that counts the rows, in any order.

    Where rows are sorted by dataset or class, such a number gives away both.

    Parameters
    ----------
    file : object
        For messages.
    blocks : iterable of ndarray of shape (n, n_features), float32
        All rows, some at a time.
    shape : tuple of int
        Rows and features.
    name_of : callable
        Returns what to call a feature.

    Yields
    ------
    ndarray of shape (n, n_features), float32
        Each block as it was.

    Raises
    ------
    DataError
        If a feature holds the number of each row once.
    """
    n, n_features = shape
    left = np.arange(n_features)
    sums, squares = np.zeros((2, len(left)))
    low, high = np.full(len(left), np.inf), np.full(len(left), -np.inf)
    for block in blocks:
        part = block[:, left].astype(np.float64)
        whole = (np.isfinite(part) & (part == np.floor(part))).all(axis=0)
        left, part = left[whole], part[:, whole]
        sums = sums[whole] + part.sum(axis=0)
        squares = squares[whole] + (part**2).sum(axis=0)
        low = np.minimum(low[whole], part.min(axis=0))
        high = np.maximum(high[whole], part.max(axis=0))
        yield block
    mean, spread = (low + high) / 2, n * (n**2 - 1) / 12
    counts = (high - low == n - 1) & (sums == n * mean)
    counts &= np.isclose(squares - n * mean**2, spread, rtol=1e-9, atol=1e-3)
    if n >= FEW_ROWS and counts.any():
        raise DataError(
            f"'{file}': {name_of(int(left[counts][0]))} holds the numbers of the "
            "rows, each once. It is no feature: write the file without it, or, of a "
            "table, say which columns are features, by the option 'columns' of the "
            "model."
        )


def refuse_classes(
    file: object, blocks: Iterable[NDArray[np.float32]], names: Sequence[str]
) -> Iterator[NDArray[np.float32]]:
    """Yield all blocks; then refuse columns that may hold classes or folds.

    They hold a few different whole numbers where most other columns hold fractions.
    Tables of whole numbers alone are accepted.

    Parameters
    ----------
    file : object
        For messages.
    blocks : iterable of ndarray of shape (n, n_features), float32
        All rows, some at a time.
    names : sequence of str
        Name of each column; empty for those that are features for certain.

    Yields
    ------
    ndarray of shape (n, n_features), float32
        Each block as it was.

    Raises
    ------
    DataError
        If there is such a column.
    """
    left = np.arange(len(names))
    values: dict[int, set[float]] = {feature: set() for feature in left.tolist()}
    n = 0
    for block in blocks:
        part = block[:, left]
        # A clip may have no class: what is not finite says nothing.
        whole = ((part == np.floor(part)) | ~np.isfinite(part)).all(axis=0)
        left, part, n = left[whole], part[:, whole], n + len(block)
        for feature, column in zip(left.tolist(), part.T, strict=True):
            if len(values[feature]) <= FEW_VALUES:
                values[feature].update(np.unique(column[np.isfinite(column)]).tolist())
        yield block
    few = [i for i in left.tolist() if 1 < len(values[i]) <= FEW_VALUES and names[i]]
    if n >= FEW_ROWS and few and 2 * len(left) <= len(names):
        raise DataError(
            f"'{file}': columns that seem to be no features: "
            + ", ".join(f"'{names[i]}'" for i in few)
            + ". They hold a few different whole numbers, as classes and folds do, and "
            "most other columns hold fractions. Write the file without them, or, where "
            "they are features, name each of them in the option 'columns' of the model."
        )
