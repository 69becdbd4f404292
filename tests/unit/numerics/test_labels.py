"""Labels as plain arrays say them."""

import numpy as np
import pytest

from earshift.errors import DataError
from earshift.numerics.labels import label_matrix


def test_one_class_per_clip_is_a_column_for_each():
    labels, names = label_matrix(["b", "a", "b"], 3)
    assert names == ["a", "b"]
    assert labels.tolist() == [[0, 1], [1, 0], [0, 1]]
    assert labels.dtype == np.int8
    # Classes of another array: a clip may be of none that is here.
    assert label_matrix(["b", "c"], 2, ["a", "b"])[0].tolist() == [[0, 1], [0, 0]]


def test_what_is_unknown_stays_unknown():
    labels, names = label_matrix([[1, np.nan], [0, -1], [1.0, 0]], 3)
    assert labels.tolist() == [[1, -1], [0, -1], [1, 0]]
    assert names == ["0", "1"]
    assert label_matrix(np.ones((2, 2), bool), 2, ["x", "y"])[1] == ["x", "y"]


@pytest.mark.parametrize(
    ("y", "classes", "message"),
    [
        (["a"], None, r"each of 2 clips.*got shape \(1,\)"),
        (np.ones((2, 1, 1)), None, r"got shape \(2, 1, 1\)"),
        ([[2], [0]], None, r"y must be 1 \(present\), 0 \(absent\)"),
        ([[1], [0]], ["a", "b"], "must name 1 columns of y, got 2"),
    ],
)
def test_anything_else_is_refused(y, classes, message):
    with pytest.raises(DataError, match=message):
        label_matrix(y, 2, classes)
