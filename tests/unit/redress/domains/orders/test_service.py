"""The delivery rules, by example and by property."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from redress.domains.orders.models import Order, OrderLine, Parcel, ParcelItem, Shipment
from redress.domains.orders.rules import DELIVERY_GRACE_DAYS
from redress.domains.orders.service import Shortage, is_late, line_refund_minor, shortages

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def line(number: int, sku: str, quantity: int = 1, **changes: Any) -> OrderLine:
    made = OrderLine(
        line_id=f"line_{number}",
        sku=sku,
        title="",
        quantity=quantity,
        unit_price_minor=1_000,
        status="shipped",
    )
    return msgspec.structs.replace(made, **changes)


def order(*lines: OrderLine) -> Order:
    return Order(
        order_id="ord_1",
        customer_id="cust_1",
        placed_at=NOW - timedelta(days=30),
        currency="USD",
        lines=lines,
    )


def parcel(items: dict[str, int], status: str = "delivered", number: int = 1) -> Parcel:
    return Parcel(
        parcel_id=f"par_{number}",
        status=status,  # type: ignore[arg-type]
        items=tuple(ParcelItem(sku=sku, quantity=count) for sku, count in items.items()),
    )


def shipment(*parcels: Parcel, number: int = 1, **changes: Any) -> Shipment:
    made = Shipment(
        shipment_id=f"shp_{number}",
        order_id="ord_1",
        promised_by=NOW - timedelta(days=1),
        parcels=parcels,
    )
    return msgspec.structs.replace(made, **changes)


def found(*args: Any) -> list[tuple[str, int, str]]:
    return [(s.line_id, s.quantity, s.reason) for s in shortages(*args)]


def test_a_full_delivery_is_short_of_nothing() -> None:
    ordered = order(line(1, "a", 2), line(2, "b"))
    assert found(ordered, [shipment(parcel({"a": 2, "b": 1}))], NOW) == []


def test_what_no_parcel_holds_is_missing() -> None:
    ordered = order(line(1, "a", 3), line(2, "b"))
    assert found(ordered, [shipment(parcel({"a": 2}))], NOW) == [
        ("line_1", 1, "missing_item"),
        ("line_2", 1, "missing_item"),
    ]


def test_lines_that_were_not_shipped_are_not_short() -> None:
    statuses = ("pending", "backordered", "cancelled")
    ordered = order(*(line(n, "a", status=status) for n, status in enumerate(statuses)))
    assert found(ordered, [], NOW) == []


def test_a_lost_parcel_is_not_delivered() -> None:
    ordered = order(line(1, "a"), line(2, "b"))
    parcels = [parcel({"a": 1}), parcel({"b": 1}, "lost", 2)]
    assert found(ordered, [shipment(*parcels)], NOW) == [("line_2", 1, "not_delivered")]


def test_a_parcel_is_late_only_after_the_grace() -> None:
    edge = NOW - timedelta(days=DELIVERY_GRACE_DAYS)
    for status in ("preparing", "in_transit"):
        in_time = shipment(parcel({"a": 1}, status), promised_by=edge)
        assert found(order(line(1, "a")), [in_time], NOW) == []
        late = shipment(parcel({"a": 1}, status), promised_by=edge - timedelta(seconds=1))
        assert is_late(late, NOW)
        assert found(order(line(1, "a")), [late], NOW) == [("line_1", 1, "not_delivered")]
    arrived = shipment(parcel({"a": 1}), promised_by=edge - timedelta(days=9))
    assert found(order(line(1, "a")), [arrived], NOW) == []


def test_another_product_in_the_parcel_is_a_wrong_item() -> None:
    ordered = order(line(1, "a"), line(2, "b"))
    assert found(ordered, [shipment(parcel({"a": 1, "x": 1}))], NOW) == [
        ("line_2", 1, "wrong_item")
    ]
    assert found(ordered, [shipment(parcel({"a": 2}))], NOW) == [("line_2", 1, "wrong_item")]


def test_a_product_of_a_cancelled_line_is_foreign() -> None:
    ordered = order(line(1, "a"), line(2, "b", status="cancelled"))
    assert found(ordered, [shipment(parcel({"b": 1}))], NOW) == [("line_1", 1, "wrong_item")]


def test_a_foreign_product_that_is_still_on_its_way_proves_nothing() -> None:
    parcels = [parcel({"a": 1}), parcel({"x": 1}, "in_transit", 2)]
    assert found(order(line(1, "a"), line(2, "b")), [shipment(*parcels)], NOW) == [
        ("line_2", 1, "missing_item")
    ]


def test_a_replacement_accounts_for_what_it_carries_unless_cancelled() -> None:
    original = shipment(parcel({"a": 1}, "lost"))
    again = shipment(parcel({"a": 1}, "preparing"), number=2, effect_key="case:1")
    assert found(order(line(1, "a")), [original, again], NOW) == []
    undone = msgspec.structs.replace(again, cancelled=True)
    assert found(order(line(1, "a")), [original, undone], NOW) == [("line_1", 1, "not_delivered")]


def test_a_replacement_beside_a_late_original_is_no_mix_up() -> None:
    original = shipment(parcel({"a": 1}))
    again = shipment(parcel({"a": 1}), number=2, effect_key="case:1")
    assert found(order(line(1, "a"), line(2, "b")), [original, again], NOW) == [
        ("line_2", 1, "missing_item")
    ]


def test_two_lines_of_one_product_share_its_pieces() -> None:
    ordered = order(line(2, "a", 2), line(1, "a", 2))
    assert found(ordered, [shipment(parcel({"a": 3}))], NOW) == [("line_2", 1, "missing_item")]
    ordered = order(line(1, "a"), line(2, "a", status="backordered"))
    assert found(ordered, [shipment(parcel({"a": 1}))], NOW) == []


def test_refunded_pieces_are_not_short_any_more() -> None:
    ordered = order(line(1, "a", 3))
    assert found(ordered, [], NOW, {"line_1": 2, "line_9": 5}) == [("line_1", 1, "missing_item")]
    assert found(ordered, [], NOW, {"line_1": 4}) == []


def test_a_line_can_be_short_for_two_reasons() -> None:
    assert found(order(line(1, "a", 3)), [shipment(parcel({"a": 1}, "lost"))], NOW) == [
        ("line_1", 1, "not_delivered"),
        ("line_1", 2, "missing_item"),
    ]


def test_a_line_refund_is_price_times_pieces() -> None:
    assert line_refund_minor(line(1, "a", 5), 3) == 3_000


SKUS = st.sampled_from(["a", "b", "c"])
PACKED = st.dictionaries(SKUS, st.integers(1, 4), max_size=3)
STATUSES = st.sampled_from(["preparing", "in_transit", "delivered", "lost"])


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[Order, list[Shipment]]:
    lines = [
        line(
            number,
            draw(SKUS),
            draw(st.integers(1, 4)),
            status=draw(st.sampled_from(["shipped", "shipped", "backordered", "cancelled"])),
        )
        for number in range(draw(st.integers(1, 4)))
    ]
    shipments = [
        shipment(
            *(
                parcel(draw(PACKED), draw(STATUSES), 10 * number + n)
                for n in range(draw(st.integers(0, 3)))
            ),
            number=number,
            promised_by=NOW - timedelta(days=draw(st.integers(-5, 20))),
            effect_key=draw(st.sampled_from([None, None, "case:1"])),
            cancelled=draw(st.booleans()),
        )
        for number in range(draw(st.integers(0, 3)))
    ]
    return order(*lines), shipments


@settings(max_examples=150, deadline=None)
@given(deliveries())
def test_no_line_is_short_of_more_than_was_ordered(made: tuple[Order, list[Shipment]]) -> None:
    ordered, shipments = made
    short: dict[str, int] = {}
    for each in shortages(ordered, shipments, NOW):
        short[each.line_id] = short.get(each.line_id, 0) + each.quantity
    for each_line in ordered.lines:
        limit = each_line.quantity if each_line.status == "shipped" else 0
        assert short.get(each_line.line_id, 0) <= limit


def replacement(short: tuple[Shortage, ...]) -> Shipment:
    items = tuple(ParcelItem(sku=s.sku, quantity=s.quantity) for s in short)
    box = Parcel(parcel_id="par_new", status="preparing", items=items)
    return shipment(box, number=9, promised_by=NOW + timedelta(days=5), effect_key="case:9")


@settings(max_examples=150, deadline=None)
@given(deliveries())
def test_reshipping_or_refunding_what_is_short_settles_it(
    made: tuple[Order, list[Shipment]],
) -> None:
    ordered, shipments = made
    short = shortages(ordered, shipments, NOW)
    assert shortages(ordered, [*shipments, replacement(short)], NOW) == ()
    pieces: dict[str, int] = {}
    for each in short:
        pieces[each.line_id] = pieces.get(each.line_id, 0) + each.quantity
    assert shortages(ordered, shipments, NOW, pieces) == ()


@settings(max_examples=100, deadline=None)
@given(deliveries(), st.randoms(use_true_random=False))
def test_the_order_of_records_does_not_matter(
    made: tuple[Order, list[Shipment]], random: Any
) -> None:
    ordered, shipments = made
    shuffled = msgspec.structs.replace(
        ordered, lines=tuple(random.sample(ordered.lines, len(ordered.lines)))
    )
    mixed = [
        msgspec.structs.replace(s, parcels=tuple(random.sample(s.parcels, len(s.parcels))))
        for s in random.sample(shipments, len(shipments))
    ]
    assert shortages(shuffled, mixed, NOW) == shortages(ordered, shipments, NOW)
