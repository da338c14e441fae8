"""One order in the making, with helpers that keep its records consistent."""

from datetime import datetime, timedelta
from random import Random
from typing import Any

import msgspec
from redress.domains.inventory.models import Stock
from redress.domains.orders.models import (
    Order,
    OrderLine,
    Parcel,
    ParcelItem,
    ParcelStatus,
    Shipment,
)
from redress.domains.payments.models import (
    Invoice,
    Payment,
    PaymentStatus,
    Refund,
    RefundPromise,
    RefundReason,
    RefundStatus,
)

from redress_local.shop.wording import PRODUCTS, order_note

CURRENCIES = ("USD", "USD", "USD", "EUR", "EUR", "GBP", "JPY")


class Catalogue:
    """The products of a shop: plenty in stock, but for scarce ones made for a single order."""

    def __init__(self, rng: Random, size: int, plenty: int) -> None:
        self._rng = rng
        self.stock: list[Stock] = [
            Stock(sku=f"sku_{n:04d}", on_hand=plenty + rng.randrange(50), reserved=rng.randrange(9))
            for n in range(size)
        ]
        self._prices = [
            rng.randrange(3, 140) * 100 + rng.choice((0, 50, 90, 99)) for _ in range(size)
        ]
        self._titles = [rng.choice(PRODUCTS) for _ in range(size)]
        self._size = size

    def pick(self, count: int) -> list[tuple[str, str, int]]:
        """Return `count` different products: (sku, title, price)."""
        numbers = self._rng.sample(range(self._size), count)
        return [(self.stock[n].sku, self._titles[n], self._prices[n]) for n in numbers]

    def add_scarce(self, wanted: int) -> str:
        """Add a product of which fewer than `wanted` pieces are available; return its sku."""
        available = self._rng.randrange(wanted)
        reserved = self._rng.choice((0, 0, 3))
        sku = f"sku_{len(self.stock):04d}"
        self.stock.append(Stock(sku=sku, on_hand=available + reserved, reserved=reserved))
        return sku


class Scene:
    """One order of one customer; `total` is what the customer owes for it.

    Parts add payments and parcels. All instants are whole seconds before or after `as_of`.
    """

    def __init__(
        self,
        rng: Random,
        catalogue: Catalogue,
        as_of: datetime,
        number: str,
        customer_id: str,
        lines: int | None = None,
    ) -> None:
        self.rng = rng
        self.catalogue = catalogue
        self.as_of = as_of
        self.number = number
        self.order_id = f"ord_{number}"
        self.customer_id = customer_id
        self.instrument = f"{rng.choice(('card', 'card', 'wallet', 'iban'))}_{number}"
        self.currency = rng.choice(CURRENCIES)
        self.placed_at = as_of - timedelta(
            days=rng.randrange(22, 45), seconds=rng.randrange(86_400)
        )
        self.shipping_minor = rng.choice((0, 0, 490, 700))
        self.note = order_note(rng)
        self.lines: list[OrderLine] = []
        for sku, title, price in catalogue.pick(lines or rng.choice((1, 2, 2, 3, 3, 4))):
            self.add_line(sku, title, rng.choice((1, 1, 1, 2, 3)), price)
        self.payments: list[Payment] = []
        self.refunds: list[Refund] = []
        self.promises: list[RefundPromise] = []
        self.shipments: list[Shipment] = []

    @property
    def total(self) -> int:
        """What the invoice says: lines that are not cancelled, and shipping."""
        return self.shipping_minor + sum(
            line.unit_price_minor * line.quantity
            for line in self.lines
            if line.status != "cancelled"
        )

    def add_line(self, sku: str, title: str, quantity: int, price: int, **more: Any) -> None:
        """Add a line, shipped unless told otherwise."""
        line = OrderLine(
            line_id=f"line_{self.number}_{len(self.lines) + 1}",
            sku=sku,
            title=title,
            quantity=quantity,
            unit_price_minor=price,
            status="shipped",
        )
        self.lines.append(msgspec.structs.replace(line, **more))

    def change_line(self, position: int, **changes: Any) -> OrderLine:
        """Replace fields of a line and return it."""
        self.lines[position] = msgspec.structs.replace(self.lines[position], **changes)
        return self.lines[position]

    def pay(
        self,
        amount: int,
        status: PaymentStatus = "captured",
        after: float = 0,
        instrument: str | None = None,
    ) -> Payment:
        """Add a payment, authorised `after` seconds after the order was placed."""
        at = self.placed_at + timedelta(seconds=int(after))
        taken = status in ("captured", "refunded")
        payment = Payment(
            payment_id=f"pay_{self.number}_{len(self.payments) + 1}",
            order_id=self.order_id,
            customer_id=self.customer_id,
            instrument_id=instrument or self.instrument,
            amount_minor=amount,
            currency=self.currency,
            status=status,
            authorised_at=at,
            captured_at=at + timedelta(seconds=self.rng.randrange(1, 4)) if taken else None,
            voided_at=at + timedelta(days=1) if status == "voided" else None,
        )
        self.payments.append(payment)
        return payment

    def refund(
        self,
        payment: Payment,
        amount: int,
        reason: RefundReason,
        status: RefundStatus = "completed",
        days_ago: float = 6,
        line: OrderLine | None = None,
        quantity: int | None = None,
    ) -> Refund:
        """Add a refund; a completed one of the whole amount marks the payment as refunded."""
        requested = self.days_ago(days_ago)
        done = status == "completed"
        refund = Refund(
            refund_id=f"ref_{self.number}_{len(self.refunds) + 1}",
            payment_id=payment.payment_id,
            order_id=self.order_id,
            amount_minor=amount,
            currency=self.currency,
            status=status,
            reason=reason,
            requested_at=requested,
            completed_at=requested + timedelta(days=1) if done else None,
            line_id=line.line_id if line else None,
            quantity=quantity,
        )
        self.refunds.append(refund)
        if done and amount == payment.amount_minor:
            place = self.payments.index(payment)
            self.payments[place] = msgspec.structs.replace(payment, status="refunded")
        return refund

    def promise(self, payment: Payment, amount: int, made: float, due: float) -> None:
        """Add a refund promise, made and due so many days ago (negative: ahead)."""
        self.promises.append(
            RefundPromise(
                promise_id=f"prm_{self.number}_{len(self.promises) + 1}",
                order_id=self.order_id,
                payment_id=payment.payment_id,
                amount_minor=amount,
                currency=self.currency,
                promised_at=self.days_ago(made),
                due_at=self.days_ago(due),
                note=self.rng.choice(("", "agreed by phone", "chat", order_note(self.rng))),
            )
        )

    def ship(
        self,
        parcels: list[tuple[dict[str, int], ParcelStatus]],
        promised: float | None = None,
        effect_key: str | None = None,
    ) -> Shipment:
        """Add a shipment, promised for so many days ago (default: on time for what arrived)."""
        number = f"{self.number}_{len(self.shipments) + 1}"
        promised_by = (
            self.placed_at + timedelta(days=self.rng.randrange(4, 8))
            if promised is None
            else self.days_ago(promised)
        )
        boxes = tuple(
            self._parcel(f"par_{number}_{n}", items, status, promised_by)
            for n, (items, status) in enumerate(parcels, 1)
            if items
        )
        shipment = Shipment(
            shipment_id=f"shp_{number}",
            order_id=self.order_id,
            promised_by=promised_by,
            parcels=boxes,
            effect_key=effect_key,
        )
        self.shipments.append(shipment)
        return shipment

    def packed(self) -> dict[str, int]:
        """Return all pieces of the shipped lines, by sku."""
        pieces: dict[str, int] = {}
        for line in self.lines:
            if line.status == "shipped":
                pieces[line.sku] = pieces.get(line.sku, 0) + line.quantity
        return pieces

    def days_ago(self, days: float) -> datetime:
        """Return an instant before `as_of`, or after it for negative days; whole seconds."""
        return self.as_of - timedelta(seconds=int(days * 86_400))

    def order(self) -> Order:
        """Return the order as it stands."""
        return Order(
            order_id=self.order_id,
            customer_id=self.customer_id,
            placed_at=self.placed_at,
            currency=self.currency,
            lines=tuple(self.lines),
            shipping_minor=self.shipping_minor,
            note=self.note,
        )

    def invoice(self) -> Invoice:
        """Return the order's invoice."""
        return Invoice(
            invoice_id=f"inv_{self.number}",
            order_id=self.order_id,
            currency=self.currency,
            total_minor=self.total,
            issued_at=self.placed_at + timedelta(seconds=60),
        )

    def _parcel(
        self, parcel_id: str, items: dict[str, int], status: ParcelStatus, promised_by: datetime
    ) -> Parcel:
        arrived = promised_by - timedelta(seconds=self.rng.randrange(3_600, 2 * 86_400))
        scan = self.placed_at + timedelta(days=2)
        return Parcel(
            parcel_id=parcel_id,
            status=status,
            items=tuple(ParcelItem(sku=sku, quantity=count) for sku, count in items.items()),
            last_scan_at=None if status == "preparing" else scan,
            delivered_at=min(arrived, self.as_of) if status == "delivered" else None,
            signed_by=self.rng.choice((None, "R. Roe", "neighbour", "入り口"))
            if status == "delivered"
            else None,
        )
