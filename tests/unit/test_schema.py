from collections.abc import Mapping, Sequence
from typing import Any, Literal

import pytest

from earshift import registry, schema
from earshift.errors import ConfigError

INTEGER, NUMBER = {"type": "integer"}, {"type": "number"}


@pytest.mark.parametrize(
    ("annotation", "rules"),
    [
        (str, {"type": "string"}),
        (float | None, {"anyOf": [{"type": "number"}, {"type": "null"}]}),
        (Literal["a", 2], {"enum": ["a", 2]}),
        (list[int], {"type": "array", "items": {"type": "integer"}}),
        (tuple[str, ...], {"type": "array", "items": {"type": "string"}}),
        (
            Mapping[str, Sequence[bool]],
            {
                "type": "object",
                "additionalProperties": {"type": "array", "items": {"type": "boolean"}},
            },
        ),
        (Any, {}),
        (object, {}),
    ],
)
def test_an_annotation_says_what_an_option_may_be(annotation, rules):
    assert schema.of_annotation(annotation) == rules


@pytest.mark.parametrize(
    ("value", "rules", "expected"),
    [
        (2.0, INTEGER, 2),
        ("3", INTEGER, 3),
        ("0.5", NUMBER, 0.5),
        ("1e-3", NUMBER, 0.001),
        (2.0, NUMBER, 2.0),
        ("true", {"type": "boolean"}, True),
        ("2", {"type": ["string", "integer"]}, "2"),
        ("512", {"enum": [512, 6144]}, 512),
        (["1", 2.0], {"type": "array", "items": INTEGER}, [1, 2]),
        ({"a": "1", "b": "1"}, {"properties": {"a": INTEGER}}, {"a": 1, "b": "1"}),
        ({"a": 1.0}, {"additionalProperties": INTEGER}, {"a": 1}),
        ("2.5", {}, "2.5"),
    ],
)
def test_a_value_becomes_the_type_that_is_asked_for(value, rules, expected):
    found = schema.fitted(value, rules)
    assert found == expected
    assert type(found) is type(expected)
    schema.check(found, rules)


@pytest.mark.parametrize(
    ("value", "rules", "message"),
    [
        (2.5, INTEGER, "x must be a whole number, got 2.5"),
        (True, INTEGER, "x must be a whole number, got True"),
        ("3x", INTEGER, "x must be a whole number, got '3x'"),
        (None, {"type": "string"}, "x must be a text, and is empty"),
        (2024, {"type": ["string", "null"]}, "a text or nothing, got 2024.*'2024'"),
        ("maybe", {"type": "boolean"}, "x must be true or false, got 'maybe'"),
        (float("nan"), NUMBER, "x must be a finite number"),
        ([1, float("inf")], {"type": "array"}, r"x.1 must be a finite number"),
        ([1, "b"], {"type": "array", "items": INTEGER}, "x.1 must be a whole number"),
        ("c", {"enum": ["a", "b"]}, r"x: 'c' is not one of \['a', 'b'\]"),
        (3, {"anyOf": [{"enum": ["auto"]}, {"type": "null"}]}, "'auto' or nothing"),
        (
            2.5,
            {"anyOf": [INTEGER, {"enum": ["no"]}]},
            "be 'no' or a whole number, got 2",
        ),
    ],
)
def test_a_wrong_value_is_refused_by_what_was_needed_and_came(value, rules, message):
    with pytest.raises(ConfigError, match=message):
        schema.check(schema.fitted(value, rules), rules, "x")


OWN = '''"""A method whose annotations are texts, one of them of a class not at hand."""
from __future__ import annotations
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from nowhere import Thing
version = 1
access = "none"
def make(*, strength: int = 1, thing: Thing | None = None, free=None) -> Thing:
    return None
'''


def test_options_of_a_users_own_plugin_are_checked_where_it_says_their_type(tmp_path):
    file = tmp_path / "own.py"
    file.write_text(OWN)
    options = {"strength": 2.0, "thing": 3, "free": [None]}
    found = registry.check_options("debias", str(file), options)
    assert found == options
    assert isinstance(found["strength"], int)
    with pytest.raises(ConfigError, match=r"strength must be a whole number"):
        registry.check_options("debias", str(file), {"strength": 2.5})
