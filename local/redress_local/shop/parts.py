"""What can happen to an order: incidents, with what should be done about them, and look-alikes.

Delivery parts ship the order, then payment parts charge what it comes to. A part returns
the expected actions that follow from how it was made, never from a rule.
"""

from redress.domains.orders.models import OrderLine, ParcelStatus
from redress.domains.payments.models import Payment, PaymentStatus
from redress.models.investigation import ReasonCode

from redress_local.shop.labels import ExpectedAction
from redress_local.shop.scene import Scene

Expected = list[ExpectedAction]
Packed = dict[str, int]

# Payments: benign.


def paid(scene: Scene) -> Expected:
    """Charged once, as invoiced."""
    scene.pay(scene.total)
    return []


def authorisation_voided(scene: Scene) -> Expected:
    """A second authorisation of equal amount that was voided, or never captured."""
    statuses: tuple[PaymentStatus, ...] = ("voided", "voided", "voided", "authorised")
    status = scene.rng.choice(statuses)
    late = scene.rng.randrange(2, 600)
    if scene.rng.random() < 0.5:
        scene.pay(scene.total)
        scene.pay(scene.total, status, after=late)
    else:
        scene.pay(scene.total, status)
        scene.pay(scene.total, after=late)
    return []


def duplicate_refunded(scene: Scene) -> Expected:
    """Charged twice and paid back: on either payment, completed or on its way."""
    first = scene.pay(scene.total)
    second = scene.pay(scene.total, after=scene.rng.randrange(2, 600))
    chosen = second if scene.rng.random() < 0.75 else first
    if scene.rng.random() < 0.3:
        scene.refund(chosen, scene.total, "duplicate_charge", "pending", scene.rng.randrange(1, 8))
    else:
        scene.refund(chosen, scene.total, "duplicate_charge", days_ago=scene.rng.randrange(2, 15))
    return []


def split_tender(scene: Scene) -> Expected:
    """Two equal payments on two instruments that add up to the invoice."""
    if scene.total % 2:
        scene.shipping_minor += 1
    scene.pay(scene.total // 2)
    scene.pay(scene.total // 2, after=20, instrument=f"gift_{scene.number}")
    return []


def return_refunded(scene: Scene) -> Expected:
    """One piece was sent back and its price refunded."""
    payment = scene.pay(scene.total)
    line = scene.rng.choice([each for each in scene.lines if each.status == "shipped"])
    scene.refund(payment, line.unit_price_minor, "return", days_ago=scene.rng.randrange(2, 15))
    return []


def promise_not_due(scene: Scene) -> Expected:
    """A promised refund whose date lies ahead."""
    payment = scene.pay(scene.total)
    scene.promise(payment, scene.rng.randrange(2, scene.total), 4, -scene.rng.uniform(1, 9))
    return []


def refund_pending(scene: Scene) -> Expected:
    """A promised refund, past its date, that is on its way in time."""
    payment = scene.pay(scene.total)
    amount = scene.rng.randrange(2, scene.total)
    scene.promise(payment, amount, 15, scene.rng.uniform(1, 5))
    scene.refund(payment, amount, "return", "pending", scene.rng.uniform(1, 9))
    return []


def promise_fulfilled(scene: Scene) -> Expected:
    """A promised refund that was paid, in one or two parts, after a failed try or at once."""
    payment = scene.pay(scene.total)
    amount = scene.rng.randrange(2, scene.total)
    scene.promise(payment, amount, 18, scene.rng.uniform(1, 5))
    if scene.rng.random() < 0.3:
        scene.refund(payment, amount, "return", "failed", 16)
    first = _part(scene, amount) if scene.rng.random() < 0.3 else amount
    scene.refund(payment, first, "return", days_ago=14)
    if first < amount:
        scene.refund(payment, amount - first, "return", days_ago=12)
    return []


# Payments: incidents.


def duplicate_charge(scene: Scene) -> Expected:
    """Charged two to four times; a duplicate may have been paid back in part or in full."""
    scene.pay(scene.total)
    duplicates: list[Payment] = []
    for number in range(scene.rng.choice((1, 1, 1, 1, 1, 2, 2, 3))):
        other = f"spare_{scene.number}" if scene.rng.random() < 0.1 else None
        after = 5 + 40 * number + scene.rng.randrange(30)
        duplicates.append(scene.pay(scene.total, after=after, instrument=other))
    left = {payment.payment_id: scene.total for payment in duplicates}
    chance = scene.rng.random()
    if chance < 0.15:
        back = _part(scene, scene.total)
        scene.refund(duplicates[0], back, scene.rng.choice(("duplicate_charge", "goodwill")))
        left[duplicates[0].payment_id] -= back
    elif chance < 0.3 and len(duplicates) > 1:
        scene.refund(duplicates[-1], scene.total, "duplicate_charge")
        del left[duplicates[-1].payment_id]
    return [_refund(payment_id, "duplicate_charge", due) for payment_id, due in left.items()]


def overcharged(scene: Scene) -> Expected:
    """Charged more than invoiced; some of it may have been paid back."""
    excess = scene.rng.randrange(2, scene.total // 2)
    payment = scene.pay(scene.total + excess)
    if scene.rng.random() < 0.2:
        back = _part(scene, excess)
        scene.refund(payment, back, "overcharged")
        excess -= back
    return [_refund(payment.payment_id, "overcharged", excess)]


def promise_unkept(scene: Scene) -> Expected:
    """A refund promised, past its date, and not paid, not in full, or paid too early to count."""
    payment = scene.pay(scene.total)
    amount = scene.rng.randrange(2, scene.total)
    scene.promise(payment, amount, 18, scene.rng.uniform(1, 9))
    way = scene.rng.choice(("none", "none", "failed", "cancelled", "partial", "earlier"))
    if way == "failed":
        scene.refund(payment, amount, "return", "failed", days_ago=15)
    elif way == "cancelled":
        scene.refund(payment, amount, "return", "cancelled", days_ago=15)
    elif way == "partial":
        back = _part(scene, amount)
        scene.refund(payment, back, "return", days_ago=15)
        amount -= back
    elif way == "earlier" and scene.total - amount >= 2:
        scene.refund(payment, _part(scene, scene.total - amount), "goodwill", days_ago=20)
    return [_refund(payment.payment_id, "refund_not_received", amount)]


# Deliveries: benign.


def delivered_in_full(scene: Scene) -> Expected:
    """Everything arrived in one parcel; now and then a line was cancelled or comes twice."""
    chance = scene.rng.random()
    if chance < 0.1:
        ((sku, title, price),) = scene.catalogue.pick(1)
        scene.add_line(sku, title, 1, price, status="cancelled")
    elif chance < 0.2:
        line = scene.lines[0]
        scene.add_line(line.sku, line.title, 1, line.unit_price_minor)
    scene.ship([(scene.packed(), "delivered")])
    return []


def several_parcels(scene: Scene) -> Expected:
    """Everything arrived, in two parcels of one shipment or of two."""
    first, second = _divide(scene)
    if scene.rng.random() < 0.5:
        scene.ship([(first, "delivered"), (second, "delivered")])
    else:
        scene.ship([(first, "delivered")])
        scene.ship([(second, "delivered")])
    return []


def backordered(scene: Scene) -> Expected:
    """One line waits for stock, the rest arrived."""
    position = scene.rng.randrange(len(scene.lines))
    ahead = scene.days_ago(-scene.rng.randrange(2, 30))
    scene.change_line(position, status="backordered", expected_at=ahead)
    if scene.packed():
        scene.ship([(scene.packed(), "delivered")])
    return []


def in_transit(scene: Scene) -> Expected:
    """Part of the order is still on its way in time; or a replacement for a lost parcel is."""
    first, second = _divide(scene)
    ahead = scene.rng.choice((-scene.rng.uniform(0.1, 6), scene.rng.uniform(0.1, 6)))
    on_its_way: ParcelStatus = scene.rng.choice(("in_transit", "in_transit", "preparing"))
    chance = scene.rng.random()
    if chance < 0.4:
        scene.ship([(first, "delivered"), (second, on_its_way)], promised=ahead)
    elif chance < 0.8:
        scene.ship([(first, "delivered")])
        scene.ship([(second, on_its_way)], promised=ahead)
    else:
        scene.ship([(first, "delivered"), (second, "lost")])
        again = f"case_{scene.number}_earlier.reship"
        scene.ship([(second, on_its_way)], promised=ahead, effect_key=again)
    return []


def item_refunded(scene: Scene) -> Expected:
    """A missing line whose price was paid back already; charges the order itself."""
    payment = scene.pay(scene.total)
    line = scene.rng.choice(scene.lines)
    scene.ship([(_without(scene.packed(), line.sku, line.quantity), "delivered")])
    amount = line.unit_price_minor * line.quantity
    scene.refund(payment, amount, "missing_item", line=line, quantity=line.quantity)
    return []


# Deliveries: incidents.


def missing_item(scene: Scene) -> Expected:
    """A line, two lines, or some pieces of a line are not in what arrived."""
    lines = len(scene.lines)
    count = 2 if lines > 2 and scene.rng.random() < 0.2 else 1
    expected: Expected = []
    short: list[tuple[OrderLine, int]] = []
    for position in sorted(scene.rng.sample(range(lines), count)):
        quantity = scene.lines[position].quantity
        if quantity > 1 and scene.rng.random() < 0.5:
            quantity = scene.rng.randrange(1, quantity)
        line, action = _lose(scene, position, quantity, "missing_item")
        short.append((line, quantity))
        expected.append(action)
    packed = scene.packed()
    for line, quantity in short:
        packed = _without(packed, line.sku, quantity)
    if len(packed) > 1 and scene.rng.random() < 0.3:
        first, second = _halves(packed)
        scene.ship([(first, "delivered"), (second, "delivered")])
    else:
        scene.ship([(packed, "delivered")])
    return expected


def not_delivered(scene: Scene) -> Expected:
    """All of an order, or one parcel of it, is lost or far too late."""
    whole = len(scene.lines) == 1 or scene.rng.random() < 0.5
    positions = range(len(scene.lines)) if whole else [scene.rng.randrange(len(scene.lines))]
    expected: Expected = []
    gone: Packed = {}
    for position in positions:
        quantity = scene.lines[position].quantity
        line, action = _lose(scene, position, quantity, "not_delivered")
        gone[line.sku] = quantity
        expected.append(action)
    arrived = {sku: count for sku, count in scene.packed().items() if sku not in gone}
    late = scene.rng.uniform(8, 15)
    if scene.rng.random() < 0.5:
        promised = late if scene.rng.random() < 0.5 else scene.rng.uniform(-3, 6)
        scene.ship([(arrived, "delivered"), (gone, "lost")], promised=promised)
    else:
        waiting: ParcelStatus = scene.rng.choice(("in_transit", "in_transit", "preparing"))
        scene.ship([(arrived, "delivered"), (gone, waiting)], promised=late)
    return expected


def wrong_item(scene: Scene) -> Expected:
    """Instead of a line came a foreign product, or more of another line's."""
    position = scene.rng.randrange(len(scene.lines))
    quantity = scene.lines[position].quantity
    line, action = _lose(scene, position, quantity, "wrong_item")
    packed = _without(scene.packed(), line.sku, quantity)
    if packed and scene.rng.random() < 0.3:
        instead = scene.rng.choice(sorted(packed))
    else:
        ordered = {each.sku for each in scene.lines}
        picked = scene.catalogue.pick(len(ordered) + 1)
        instead = next(sku for sku, _, _ in picked if sku not in ordered)
    packed[instead] = packed.get(instead, 0) + quantity
    scene.ship([(packed, "delivered")])
    return [action]


def _lose(
    scene: Scene, position: int, quantity: int, reason: ReasonCode
) -> tuple[OrderLine, ExpectedAction]:
    """Decide whether pieces of a line can be sent again; if not, they are to be refunded."""
    line = scene.lines[position]
    if scene.rng.random() >= 0.25:
        return line, ExpectedAction(
            action="reship_line", subject_id=line.line_id, reason_code=reason
        )
    sku = scene.catalogue.add_scarce(quantity)
    line = scene.change_line(position, sku=sku)
    return line, ExpectedAction(
        action="refund_line",
        subject_id=line.line_id,
        reason_code=reason,
        amount_minor=line.unit_price_minor * quantity,
    )


def _refund(payment_id: str, reason: ReasonCode, amount: int) -> ExpectedAction:
    return ExpectedAction(
        action="refund_payment", subject_id=payment_id, reason_code=reason, amount_minor=amount
    )


def _part(scene: Scene, amount: int) -> int:
    """Return more than nothing and less than all of an amount of at least 2."""
    return scene.rng.randrange(1, amount)


def _without(packed: Packed, sku: str, quantity: int) -> Packed:
    left = {**packed, sku: packed[sku] - quantity}
    return {each: count for each, count in left.items() if count}


def _divide(scene: Scene) -> tuple[Packed, Packed]:
    """Divide the shipped pieces over two parcels, adding a line where there is only one piece."""
    if sum(scene.packed().values()) < 2:
        ((sku, title, price),) = [
            each for each in scene.catalogue.pick(2) if each[0] != scene.lines[0].sku
        ][:1]
        scene.add_line(sku, title, 1, price)
    return _halves(scene.packed())


def _halves(packed: Packed) -> tuple[Packed, Packed]:
    if len(packed) == 1:
        ((sku, count),) = packed.items()
        return {sku: 1}, {sku: count - 1}
    skus = list(packed)
    return {sku: packed[sku] for sku in skus[:1]}, {sku: packed[sku] for sku in skus[1:]}
