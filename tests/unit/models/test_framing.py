"""Windows of a waveform that comes in blocks are those of the whole waveform."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from earshift.models import Framing
from earshift.models._framing import fill_up

FRAMINGS = {
    "dropped": Framing(window=100, hop=60),
    "padded": Framing(window=100, hop=60, tail="pad"),
    "overlapping": Framing(window=100, hop=7, pad_start=50, tail="pad"),
    "with gaps": Framing(window=40, hop=90),
    "padded gaps": Framing(window=40, hop=90, pad_start=20, tail="pad"),
    "both ends": Framing(window=100, hop=100, pad_start=25, pad_end=25),
}


def expected_windows(framing, waveform, n_least=0):
    """Return all windows, by the definition."""
    n = max(n_least, framing.n_windows(len(waveform)))
    long = np.zeros(framing.pad_start + len(waveform) + (n + 1) * 200, np.float32)
    long[framing.pad_start : framing.pad_start + len(waveform)] = waveform
    starts = framing.hop * np.arange(n)
    return np.array([long[s : s + framing.window] for s in starts]).reshape(
        n, framing.window
    )


def cut(framing, blocks, n_least=0):
    none = np.empty((0, framing.window), np.float32)
    return np.concatenate([none, *framing.cut(blocks, n_least)])


@pytest.mark.parametrize("framing", FRAMINGS.values(), ids=FRAMINGS)
@pytest.mark.parametrize("n_samples", [0, 1, 39, 40, 99, 100, 160, 161, 555, 1_000])
def test_blocks_of_any_size_give_the_windows_of_the_whole(framing, n_samples):
    rng = np.random.default_rng(n_samples)
    waveform = rng.standard_normal(n_samples).astype(np.float32)
    whole = expected_windows(framing, waveform)
    for size in (1, 13, 100, 2_000):
        blocks = [waveform[i : i + size] for i in range(0, n_samples, size)]
        got = cut(framing, blocks)
        assert_array_equal(got, whole.reshape(got.shape))


@pytest.mark.parametrize("framing", FRAMINGS.values(), ids=FRAMINGS)
def test_a_short_waveform_is_filled_up_when_asked(framing):
    waveform = np.ones(5, np.float32)
    got = cut(framing, [waveform], n_least=1)
    assert_array_equal(got, expected_windows(framing, waveform, 1))
    assert got.sum() == min(5, max(0, framing.window - framing.pad_start)) * len(got)


def test_no_more_than_a_block_and_a_window_is_held():
    framing = Framing(window=100, hop=10)
    blocks = (np.zeros(1_000, np.float32) for _ in range(50))
    for windows in framing.cut(blocks):
        held = windows
        while held.base is not None:
            held = held.base
        assert held.size <= 1_100


def test_the_least_length_gives_one_window():
    for framing in FRAMINGS.values():
        if framing.tail == "drop":
            assert framing.n_windows(framing.min_samples) == 1
            assert framing.n_windows(framing.min_samples - 1) == 0


def test_a_waveform_that_is_not_short_has_a_window_of_its_own():
    for framing in FRAMINGS.values():
        n = framing.shortest
        waveform = np.ones(n, np.float32)
        assert framing.n_windows(n) >= 1
        if framing.tail == "pad":
            assert n == framing.window
        else:
            # Zeros are those alone that the framing puts around every waveform.
            n_zeros = int((next(iter(framing.cut([waveform]))) == 0).sum())
            assert n_zeros == framing.pad_start + framing.pad_end


@pytest.mark.parametrize(
    ("n", "how", "expected"),
    [
        (3, "pad", [1, 2, 3, 0, 0, 0, 0, 0, 0, 0]),
        (3, "repeat", [1, 2, 3, 1, 2, 3, 1, 2, 3, 1]),
        (3, "reflect", [1, 2, 3, 2, 1, 2, 3, 2, 1, 2]),
        (2, "reflect", [1, 2, 1, 2, 1, 2, 1, 2, 1, 2]),
        (1, "repeat", [1] * 10),
        (1, "reflect", [1] * 10),
        (0, "repeat", [0] * 10),
        (0, "reflect", [0] * 10),
        (10, "repeat", list(range(1, 11))),
        (10, "reflect", list(range(1, 11))),
        (9, "repeat", [*range(1, 10), 1]),
        (9, "reflect", [*range(1, 10), 8]),
    ],
)
def test_a_waveform_is_filled_up_at_its_end(n, how, expected):
    waveform = np.arange(1, n + 1, dtype=np.float32)
    got = fill_up(waveform, 10, how)
    assert got.dtype == np.float32
    assert_array_equal(got, expected)


@pytest.mark.parametrize(("how", "mode"), [("repeat", "wrap"), ("reflect", "reflect")])
def test_filling_up_is_what_numpy_calls_so(how, mode):
    waveform = np.random.default_rng(0).standard_normal(37).astype(np.float32)
    expected = np.pad(waveform, (0, 463), mode=mode)
    assert_array_equal(fill_up(waveform, 500, how), expected)
