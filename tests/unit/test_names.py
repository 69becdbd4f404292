"""How names are compared: what looks the same is one, what differs by case is not."""

import os

import pytest

from earshift import names
from earshift.errors import DataError


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("cello", "cello"),
        (" cello\t", "cello"),
        ("\u00a0cello\u2003", "cello"),
        ("\u200bcello\u200d", "cello"),
        ("\ufeffcello", "cello"),
        ("vio\u00adlin", "violin"),
        ("\u200fcello\u200e", "cello"),
        ("cel\x00lo\x07", "cello"),
        ("bass\u00a0drum", "bass drum"),
        ("bass  \n drum", "bass drum"),
        ("cafe\u0301", "caf\u00e9"),
        ("e\u200b\u0301", "\u00e9"),
        ("\u200b \ufeff", ""),
        ("", ""),
    ],
)
def test_what_looks_the_same_is_one_name(written, kept):
    assert names.clean(written) == kept
    assert names.clean(kept) == kept


def test_joiners_that_change_letters_stay():
    family = "\U0001f468\u200d\U0001f469"
    assert names.clean(f" {family} ") == family


def test_trimming_leaves_the_form_of_a_path():
    assert names.trim("\ufeff a  cafe\u0301.wav\u00a0") == "a  cafe\u0301.wav"


@pytest.mark.parametrize(
    "pair",
    [
        ("Cello", "cello"),
        ("STRASSE", "stra\u00dfe"),
        ("\uff11", "1"),
        ("\u263a\ufe0f", "\u263a"),
        ("A B", "a  b"),
    ],
)
def test_names_that_differ_by_case_or_form_are_alike(pair):
    assert names.fold(pair[0]) == names.fold(pair[1])
    assert names.alike(["x", *pair]) == pair


def test_names_that_differ_by_letters_are_not_alike():
    assert names.alike(["cello", "celli", "1", "01", "caf\u00e9", "cafe"]) is None


def test_two_alike_are_refused_with_both_places():
    places = {"Cello": "row 2", "viola": "row 3", "cello": "row 9"}
    with pytest.raises(DataError, match=r"x.csv: the class 'Cello' \(row 2\) and 'cel"):
        names.refuse_alike(places, "x.csv: the class", places.__getitem__)
    names.refuse_alike(["Cello", "viola"], "x.csv: the class", places.__getitem__)


def test_the_name_of_a_file_that_is_not_utf8_can_be_written_and_found_again():
    name = os.fsdecode(b"d\xc3\xa9j\xe0/caf\xe9.wav")
    printable = names.printable(name)
    assert printable == "d\u00e9j\\xe0/caf\\xe9.wav"
    assert names.on_disk(printable) == name
    assert names.printable("caf\u00e9.wav") == "caf\u00e9.wav"
    assert names.printable("\ud800.wav").encode("utf-8")


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("sax", "saxophone"),
        ("saxophone", "sax"),
        ("vocals", "vocal"),
        ("bass drum", "bass_drum"),
        ("bass-drums", "BassDrum"),
        ("acoustic guitar", "acoustic_guitars"),
        ("recordin", "recording"),
        ("clarinett", "clarinet"),
    ],
)
def test_variants_of_a_name_are_near(name, other):
    assert names.near(name, ["zither", other, "kazoo"]) == [other]


@pytest.mark.parametrize(
    ("name", "other"),
    [("piano", "organ"), ("take1", "take2"), ("1", "10"), ("++", "--"), ("c", "cello")],
)
def test_other_names_are_not_near(name, other):
    assert names.near(name, [other]) == []


def test_the_nearest_comes_first_and_the_name_itself_is_not_near():
    others = ["saxophone", "sax", "Sax", "saxes"]
    assert names.near("sax", others)[0] == "Sax"
    assert "sax" not in names.near("sax", others)
