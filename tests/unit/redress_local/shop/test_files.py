"""Shop files: what loads, and what is said about what does not."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from redress.errors import InvalidInputError
from redress.models.base import dump_json, parse
from redress_local.shop.checks import remarks
from redress_local.shop.document import Shop
from redress_local.shop.example import example_shop
from redress_local.shop.files import load_labels, load_shop, write_json
from redress_local.shop.generator import generate_shop


def test_what_is_written_is_read(tmp_path: Path) -> None:
    shop, labels = generate_shop(20, 1)
    write_json(tmp_path / "shop.json", shop)
    write_json(tmp_path / "labels.json", labels)
    assert load_shop(tmp_path / "shop.json") == shop
    assert load_labels(tmp_path / "labels.json") == labels
    assert sorted(p.name for p in tmp_path.iterdir()) == ["labels.json", "shop.json"]


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    shop, _ = generate_shop(2, 1)
    (tmp_path / "shop.json").write_bytes(b"\xef\xbb\xbf" + dump_json(shop))
    assert load_shop(tmp_path / "shop.json") == shop


def test_a_device_without_an_end_is_not_read_to_its_end() -> None:
    with pytest.raises(InvalidInputError, match="/dev/zero: JSON is malformed"):
        load_shop("/dev/zero")


def test_an_unwritable_or_unreadable_path_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"absent.*cannot be written"):
        write_json(tmp_path / "absent" / "shop.json", example_shop())
    with pytest.raises(InvalidInputError, match=r"shop\.json: cannot be read: No such file"):
        load_shop(tmp_path / "shop.json")
    with pytest.raises(InvalidInputError, match="cannot be read"):
        load_shop(tmp_path)
    with pytest.raises(InvalidInputError, match="cannot be read"):
        load_shop("a\0b")


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"schema_version": "2"}', b"1e999"],
)
def test_what_is_no_shop_is_refused_in_one_line(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "shop.json"
    path.write_bytes(text)
    with pytest.raises(InvalidInputError, match=r"shop\.json: ") as caught:
        load_shop(path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 1_000


def example() -> dict[str, Any]:
    document: dict[str, Any] = msgspec.json.decode(dump_json(example_shop()))
    return document


Change = Callable[[dict[str, Any]], Any]


def first(name: str, /, **changes: Any) -> Change:
    return lambda shop: shop[name][0].update(changes)


def again(name: str, /, **changes: Any) -> Change:
    return lambda shop: shop[name].append({**shop[name][0], **changes})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (first("payments", amount_minor=-1), r"\$.payments\[0\].amount_minor"),
        (first("payments", amount_minor=1.5), r"\$.payments\[0\].amount_minor"),
        (first("payments", currency="usd"), r"\$.payments\[0\].currency"),
        (first("payments", colour="red"), r"colour.*\$.payments\[0\]"),
        (first("orders", lines=[]), r"\$.orders\[0\].lines"),
        (first("orders", placed_at="2026-02-20T10:15:00"), r"\$.orders\[0\].placed_at"),
        (first("orders", order_id="a b"), r"\$.orders\[0\].order_id"),
        (first("stock", on_hand=-1), r"\$.stock\[0\].on_hand"),
        (first("customers", name="x" * 5_000), r"\$.customers\[0\].name"),
        (first("orders", customer_id="cust_x"), r"\$.orders\[0\].customer_id: no customer cust_x"),
        (first("shipments", order_id="ord_x"), r"\$.shipments\[0\].order_id: no order ord_x"),
        (first("payments", customer_id="cust_ruth"), r"\$.payments\[0\].customer_id: cust_ruth"),
        (first("refunds", payment_id="pay_x"), r"\$.refunds\[0\].payment_id: no payment pay_x"),
        (first("refunds", payment_id="pay_1002"), "pay_1002 is for order ord_1002, not ord_1006"),
        (first("refunds", line_id="line_x", quantity=1), "ord_1006 has no line line_x"),
        (first("refunds", line_id="line_1006_blanket"), r"\$.refunds\[0\].quantity: missing"),
        (first("refunds", quantity=1), r"\$.refunds\[0\].line_id: missing"),
        (again("customers"), r"\$.customers\[5\]: a second id cust_mina"),
        (again("stock"), r"\$.stock\[6\]: a second id sku_blanket"),
        (again("invoices", invoice_id="inv_2"), r"a second invoice for order ord_1001"),
        (
            lambda shop: shop["orders"][0]["lines"].append(shop["orders"][0]["lines"][0]),
            r"\$.orders\[0\].lines\[2\]: a second id line_1001_mug",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_place(
    tmp_path: Path, change: Change, message: str
) -> None:
    document = example()
    change(document)
    path = tmp_path / "shop.json"
    path.write_bytes(msgspec.json.encode(document))
    with pytest.raises(InvalidInputError, match=message):
        load_shop(path)


def test_many_problems_are_summed_up(tmp_path: Path) -> None:
    document = example()
    document["customers"] = []
    path = tmp_path / "shop.json"
    path.write_bytes(msgspec.json.encode(document))
    with pytest.raises(InvalidInputError, match="and 3 more"):
        load_shop(path)


def test_what_is_only_odd_is_remarked() -> None:
    document = example()
    document["payments"][1]["currency"] = "EUR"
    document["stock"][0]["reserved"] = 99
    del document["stock"][4], document["invoices"][1]
    found = "\n".join(remarks(parse(Shop, document)))
    assert "$.payments[1]: EUR, but order ord_1001 is in USD" in found
    assert "order ord_1002 has no invoice" in found
    assert "sku_teapot has no stock record" in found
    assert "more pieces of sku_blanket are reserved" in found
