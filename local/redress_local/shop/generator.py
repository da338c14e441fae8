"""Makes a shop of any size with labelled cases, the same for the same seed."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random

import msgspec
from redress.domains.orders.models import Customer
from redress.errors import InvalidInputError

from redress_local.shop import parts
from redress_local.shop.document import Shop
from redress_local.shop.labels import CaseKind, CaseLabel, ExpectedAction, Labels, LookAlike
from redress_local.shop.scene import Catalogue, Scene
from redress_local.shop.wording import Claim, customer_name, money, statement

AS_OF = datetime(2026, 3, 2, 12, tzinfo=UTC)
"""The present of a generated shop: lateness is judged by it."""

MAX_CUSTOMERS = 1_000_000

Part = Callable[[Scene], list[ExpectedAction]]

INCIDENTS: tuple[tuple[CaseKind, int], ...] = (
    ("duplicate_charge", 6),
    ("missing_item", 6),
    ("not_delivered", 6),
    ("overcharged", 5),
    ("refund_not_received", 6),
    ("wrong_item", 5),
    ("combined", 5),
)
"""Incidents in a deck of 65 cases; the other 26 are two of each look-alike."""

PAYMENT_INCIDENTS: dict[str, tuple[Part, Claim]] = {
    "duplicate_charge": (parts.duplicate_charge, "duplicate_charge"),
    "overcharged": (parts.overcharged, "overcharged"),
    "refund_not_received": (parts.promise_unkept, "refund_not_received"),
}
DELIVERY_INCIDENTS: dict[str, tuple[Part, Claim]] = {
    "missing_item": (parts.missing_item, "missing_item"),
    "not_delivered": (parts.not_delivered, "not_delivered"),
    "wrong_item": (parts.wrong_item, "wrong_item"),
}
PAYMENT_LOOK_ALIKES: dict[LookAlike, tuple[Part, tuple[Claim, ...]]] = {
    "authorisation_voided": (parts.authorisation_voided, ("duplicate_charge",)),
    "duplicate_refunded": (parts.duplicate_refunded, ("duplicate_charge",)),
    "split_tender": (parts.split_tender, ("duplicate_charge", "overcharged")),
    "return_refunded": (parts.return_refunded, ("refund_not_received", "overcharged")),
    "promise_not_due": (parts.promise_not_due, ("refund_not_received",)),
    "refund_pending": (parts.refund_pending, ("refund_not_received",)),
    "promise_fulfilled": (parts.promise_fulfilled, ("refund_not_received",)),
}
DELIVERY_LOOK_ALIKES: dict[LookAlike, tuple[Part, tuple[Claim, ...]]] = {
    "backordered": (parts.backordered, ("missing_item", "not_delivered")),
    "in_transit": (parts.in_transit, ("missing_item", "not_delivered")),
    "delivered_in_full": (
        parts.delivered_in_full,
        ("not_delivered", "missing_item", "wrong_item", "overcharged"),
    ),
    "several_parcels": (parts.several_parcels, ("missing_item", "not_delivered")),
}
OTHER_LOOK_ALIKES: tuple[LookAlike, ...] = ("second_order", "item_refunded")

COMBINED = (
    (("duplicate_charge", 3), ("overcharged", 1)),
    (
        ("missing_item", 3),
        ("not_delivered", 1),
        ("wrong_item", 1),
    ),
)
"""Weights of what is combined: a payment incident and a delivery incident."""


class _Maker:
    """Collects the records of one shop."""

    def __init__(self, customers: int, seed: int) -> None:
        self.rng = Random(seed)  # noqa: S311
        size = 40 + min(460, customers // 20)
        self.catalogue = Catalogue(self.rng, size, plenty=1_000 + 10 * customers)
        self.scenes: list[Scene] = []
        self.customers: list[Customer] = []
        self.labels: list[CaseLabel] = []
        self._deck: list[tuple[CaseKind, LookAlike | None]] = []
        self._count = 0

    def add_customer(self, number: int, with_case: bool) -> None:
        """Add a customer with up to two ordinary orders, and an order in dispute if asked for."""
        customer_id = f"cust_{number}"
        self.customers.append(Customer(customer_id=customer_id, name=customer_name(self.rng)))
        self._count = 0
        ordinary = self.rng.choice((0, 0, 0, 1, 2)) if with_case else self.rng.choice((1, 1, 2))
        for _ in range(ordinary):
            scene = self._scene(number, customer_id)
            self.rng.choice(_BENIGN_DELIVERIES)(scene)
            self.rng.choice(_BENIGN_PAYMENTS)(scene)
        if with_case:
            self._add_case(number, customer_id)

    def shop(self) -> Shop:
        """Return all records made so far."""
        scenes = self.scenes
        return Shop(
            schema_version="1",
            as_of=AS_OF,
            customers=tuple(self.customers),
            orders=tuple(scene.order() for scene in scenes),
            shipments=tuple(each for scene in scenes for each in scene.shipments),
            payments=tuple(each for scene in scenes for each in scene.payments),
            invoices=tuple(scene.invoice() for scene in scenes),
            stock=tuple(self.catalogue.stock),
            refunds=tuple(each for scene in scenes for each in scene.refunds),
            promises=tuple(each for scene in scenes for each in scene.promises),
        )

    def _scene(self, number: int, customer_id: str, lines: int | None = None) -> Scene:
        self._count += 1
        order = f"{number}_{self._count}"
        scene = Scene(self.rng, self.catalogue, AS_OF, order, customer_id, lines)
        self.scenes.append(scene)
        return scene

    def _add_case(self, number: int, customer_id: str) -> None:
        if not self._deck:
            self._deck = _deck()
            self.rng.shuffle(self._deck)
        kind, look_alike = self._deck.pop()
        two_lines = kind in ("missing_item", "combined") or look_alike == "item_refunded"
        lines = self.rng.choice((2, 2, 3, 4)) if two_lines else None
        scene = self._scene(number, customer_id, lines)
        expected: list[ExpectedAction] = []
        if look_alike is None:
            expected, claims = self._incident(scene, kind)
        else:
            scene, claims = self._look_alike(scene, number, look_alike)
        self.labels.append(
            CaseLabel(
                case_id=f"case_{number}",
                customer_id=customer_id,
                order_id=scene.order_id,
                statement=self._statement(scene, claims, expected),
                kind=kind,
                look_alike=look_alike,
                expected_actions=tuple(sorted(expected, key=lambda each: each.subject_id)),
            )
        )

    def _incident(
        self, scene: Scene, kind: CaseKind
    ) -> tuple[list[ExpectedAction], tuple[Claim, ...]]:
        if kind in PAYMENT_INCIDENTS:
            deliver: Part = self.rng.choice((parts.delivered_in_full, parts.several_parcels))
            charge, claim = PAYMENT_INCIDENTS[kind]
            claims: tuple[Claim, ...] = (claim,)
        elif kind in DELIVERY_INCIDENTS:
            deliver, claim = DELIVERY_INCIDENTS[kind]
            charge = self.rng.choice((parts.paid, parts.paid, parts.authorisation_voided))
            claims = (claim,)
        else:
            charge_name, deliver_name = (self._weighted(each) for each in COMBINED)
            charge, first = PAYMENT_INCIDENTS[charge_name]
            deliver, second = DELIVERY_INCIDENTS[deliver_name]
            claims = (first, second) if self.rng.random() < 0.7 else (second, first)
        expected = deliver(scene)
        return [*charge(scene), *expected], claims

    def _look_alike(
        self, scene: Scene, number: int, name: LookAlike
    ) -> tuple[Scene, tuple[Claim, ...]]:
        claims: tuple[Claim, ...]
        if name == "second_order":
            twin = self._twin(scene, number)
            return (scene if self.rng.random() < 0.5 else twin), ("duplicate_charge",)
        if name == "item_refunded":
            parts.item_refunded(scene)
            return scene, ("missing_item",)
        if name in PAYMENT_LOOK_ALIKES:
            charge, claims = PAYMENT_LOOK_ALIKES[name]
            parts.delivered_in_full(scene)
            charge(scene)
        else:
            deliver, claims = DELIVERY_LOOK_ALIKES[name]
            deliver(scene)
            parts.paid(scene)
        return scene, (self.rng.choice(claims),)

    def _twin(self, scene: Scene, number: int) -> Scene:
        """Add a second order of the same things on the same instrument; both are in order."""
        twin = self._scene(number, scene.customer_id, lines=1)
        twin.lines = [
            msgspec.structs.replace(line, line_id=f"line_{twin.number}_{place}")
            for place, line in enumerate(scene.lines, 1)
        ]
        twin.currency, twin.instrument = scene.currency, scene.instrument
        twin.shipping_minor = scene.shipping_minor
        twin.placed_at = scene.placed_at + timedelta(seconds=self.rng.randrange(30, 5 * 86_400))
        for each in (scene, twin):
            each.ship([(each.packed(), "delivered")])
            each.pay(each.total)
        return twin

    def _statement(
        self, scene: Scene, claims: tuple[Claim, ...], expected: list[ExpectedAction]
    ) -> str:
        concerned = {action.subject_id for action in expected}
        lines = [line for line in scene.lines if line.line_id in concerned] or scene.lines
        return statement(
            self.rng,
            claims,
            order=scene.order_id,
            amount=money(scene.payments[0].amount_minor, scene.currency),
            item=lines[0].title,
            date=scene.placed_at.date().isoformat(),
        )

    def _weighted(self, choices: tuple[tuple[str, int], ...]) -> str:
        names, weights = zip(*choices, strict=True)
        return str(self.rng.choices(names, weights)[0])


_BENIGN_PAYMENTS: tuple[Part, ...] = (
    *(parts.paid,) * 6,
    *(charge for charge, _ in PAYMENT_LOOK_ALIKES.values()),
)
_BENIGN_DELIVERIES: tuple[Part, ...] = (
    *(parts.delivered_in_full,) * 4,
    parts.several_parcels,
    parts.in_transit,
)


def generate_shop(
    customers: int, seed: int, *, on_customer: Callable[[], None] = lambda: None
) -> tuple[Shop, Labels]:
    """Make a shop and the truth about its cases: two of three customers open one.

    About 40 % of the cases are look-alikes in which nothing is wrong.

    Raises:
        InvalidInputError: the number of customers is not between 1 and MAX_CUSTOMERS.
    """
    if not 1 <= customers <= MAX_CUSTOMERS:
        raise InvalidInputError(f"customers: between 1 and {MAX_CUSTOMERS}, not {customers}")
    maker = _Maker(customers, seed)
    for number in range(1, customers + 1):
        maker.add_customer(number, with_case=number % 3 != 0)
        on_customer()
    return maker.shop(), Labels(schema_version="1", as_of=AS_OF, cases=tuple(maker.labels))


def generate_cases(cases: int, seed: int) -> tuple[Shop, Labels]:
    """Make a shop just large enough for a number of labelled cases, and those.

    Raises:
        InvalidInputError: the number of cases is not between 1 and what MAX_CUSTOMERS allow.
    """
    most = MAX_CUSTOMERS - MAX_CUSTOMERS // 3
    if not 1 <= cases <= most:
        raise InvalidInputError(f"cases: between 1 and {most}, not {cases}")
    customers = (3 * cases - 1) // 2
    return generate_shop(customers, seed)


def _deck() -> list[tuple[CaseKind, LookAlike | None]]:
    look_alikes = (*PAYMENT_LOOK_ALIKES, *DELIVERY_LOOK_ALIKES, *OTHER_LOOK_ALIKES)
    incidents = [(kind, None) for kind, count in INCIDENTS for _ in range(count)]
    return [*incidents, *(("nothing_wrong", name) for name in look_alikes for _ in range(2))]
