"""NAME=VALUE options."""

import pytest
from redress_local.cli.errors import UsageError
from redress_local.cli.pairs import pairs_of


def test_a_value_is_everything_behind_the_first_equals_sign() -> None:
    assert pairs_of(["a=1=2", "b=", "c= d"], "--set") == {"a": "1=2", "b": "", "c": " d"}
    assert pairs_of([], "--set") == {}


@pytest.mark.parametrize("text", ["", "a", "=", "=1"])
def test_another_form_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not NAME=TEXT") as caught:
        pairs_of(["a=1", text], "--claim", "NAME=TEXT")
    assert caught.value.hint == "write it as --claim NAME=TEXT"


def test_a_name_twice_is_refused() -> None:
    with pytest.raises(UsageError, match="--set a is given twice"):
        pairs_of(["a=1", "a=1"], "--set")


def test_an_error_stays_readable_whatever_was_given() -> None:
    for texts in (["x" * 100_000], ["y" * 100_000 + "=1"] * 2):
        with pytest.raises(UsageError) as caught:
            pairs_of(texts, "--set")
        assert len(str(caught.value)) < 200
