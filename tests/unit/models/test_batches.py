"""Batches across clips, and calls made ahead."""

import threading
import time

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from earshift.errors import AudioError
from earshift.models._batches import Piece, call_ahead, fill_batches, number


def windows(first, n):
    return np.repeat(np.arange(first, first + n, dtype=np.float32)[:, None], 3, axis=1)


def test_batches_are_full_and_hold_each_window_once_at_its_row():
    pieces = [
        *number([windows(0, 5)], 0, 5),
        *number([windows(5, 1), windows(6, 9)], 5, 15),
        *number([windows(15, 2)], 40, 42),
    ]
    batches = list(fill_batches(pieces, 4, 3))
    assert [len(batch.rows) for batch in batches] == [4, 4, 4, 4, 1]
    assert all(batch.windows.shape == (4, 3) for batch in batches)
    rows = np.concatenate([batch.rows for batch in batches])
    values = np.concatenate([b.windows[: len(b.rows), 0] for b in batches])
    assert_array_equal(values, np.arange(17))
    assert_array_equal(rows, [*range(15), 40, 41])
    assert_array_equal(batches[-1].windows[1:], 0)


@pytest.mark.parametrize("n_rows", [4, 6])
def test_a_clip_with_more_or_fewer_windows_than_rows_is_refused(n_rows):
    pieces = number([windows(0, 3), windows(3, 2)], 10, 10 + n_rows)
    with pytest.raises(AudioError, match=f"not the {n_rows} planned") as caught:
        list(pieces)
    assert caught.value.status == "changed"


def test_a_batch_under_way_is_not_written_to():
    batches = fill_batches(number([windows(0, 8)], 0, 8), 4, 3)
    first = next(batches)
    before = first.windows.copy()
    list(batches)
    assert_array_equal(first.windows, before)


def test_no_piece_gives_no_batch():
    assert list(fill_batches([Piece(slice(0, 0), windows(0, 0))], 4, 3)) == []


def test_results_come_in_order_whatever_the_threads_do():
    def slow_at_first(i):
        time.sleep(0.02 if i < 2 else 0)
        return i * i

    assert list(call_ahead(slow_at_first, range(20), 3, 5)) == [
        i * i for i in range(20)
    ]


def test_no_more_items_are_drawn_than_may_wait():
    drawn = []

    def items():
        for i in range(100):
            drawn.append(i)
            yield i

    results = call_ahead(lambda i: i, items(), 2, 4)
    assert next(results) == 0
    assert len(drawn) == 5
    assert [next(results) for _ in range(10)] == list(range(1, 11))
    assert len(drawn) == 15
    results.close()


def test_calls_run_at_the_same_time():
    meet = threading.Barrier(3, timeout=10)
    assert len(list(call_ahead(lambda _: meet.wait(), range(3), 3, 3))) == 3


def test_a_failure_comes_out_at_its_place_and_ends_the_threads():
    def fail(i):
        if i == 3:
            raise ValueError("three")
        return i

    n_before = threading.active_count()
    results = call_ahead(fail, range(1_000), 2, 4)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="three"):
        next(results)
    assert threading.active_count() == n_before
