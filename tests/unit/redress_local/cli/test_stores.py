"""Which store a command works on."""

from pathlib import Path

import msgspec
import pytest
from redress_local.cli.errors import UsageError
from redress_local.cli.stores import choose, load
from redress_local.shop.example import example_shop
from redress_local.shop.files import write_json
from redress_local.shop.generator import generate_shop


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("REDRESS_STORE", raising=False)


def test_the_default_is_dot_redress() -> None:
    assert choose(None, None) == Path(".redress")
    assert not Path(".redress").exists()


def test_the_environment_and_the_option_win(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDRESS_STORE", "elsewhere")
    other, _ = generate_shop(1, 1)
    assert choose(None, other) == Path("elsewhere")
    assert choose(Path("given"), other) == Path("given")


def test_another_shop_gets_a_store_that_is_current_from_then_on() -> None:
    other, _ = generate_shop(1, 1)
    chosen = choose(None, other)
    assert chosen.parent == Path(".redress/shops")
    assert choose(None, None) == chosen
    assert choose(None, example_shop()) == Path(".redress")
    assert choose(None, None) == Path(".redress")


def test_a_current_file_that_leads_elsewhere_is_refused() -> None:
    Path(".redress").mkdir()
    Path(".redress/current").write_text("shops/../../etc")
    with pytest.raises(UsageError, match="current"):
        choose(None, None)


def test_shops_are_read_by_file_or_as_the_example(tmp_path: Path) -> None:
    other, _ = generate_shop(2, 1)
    write_json(tmp_path / "shop.json", other)
    assert load(str(tmp_path / "shop.json")) == other
    assert msgspec.json.encode(load("example")) == msgspec.json.encode(example_shop())
    assert load(None) is None
