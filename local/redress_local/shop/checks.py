"""Checks a shop's references and names what is odd about it."""

from collections.abc import Iterable, Iterator

from redress_local.shop.document import Shop


def problems(shop: Shop) -> Iterator[str]:
    """Yield what makes a shop unusable, each with its place: duplicates and broken references."""
    yield from _duplicates("customers", (c.customer_id for c in shop.customers))
    yield from _duplicates("orders", (o.order_id for o in shop.orders))
    yield from _duplicates("shipments", (s.shipment_id for s in shop.shipments))
    yield from _duplicates("payments", (p.payment_id for p in shop.payments))
    yield from _duplicates("invoices", (i.invoice_id for i in shop.invoices))
    yield from _duplicates("invoices", (i.order_id for i in shop.invoices), "invoice for order")
    yield from _duplicates("stock", (s.sku for s in shop.stock))
    yield from _duplicates("refunds", (r.refund_id for r in shop.refunds))
    yield from _duplicates("promises", (p.promise_id for p in shop.promises))
    yield from _order_problems(shop)
    yield from _reference_problems(shop)
    yield from _refund_problems(shop)


def remarks(shop: Shop) -> Iterator[str]:
    """Yield what is allowed but odd: it may end a case with a human."""
    currencies = {order.order_id: order.currency for order in shop.orders}
    for name in ("payments", "invoices", "refunds", "promises"):
        for place, each in enumerate(getattr(shop, name)):
            expected = currencies.get(each.order_id)
            if expected is not None and each.currency != expected:
                yield (
                    f"$.{name}[{place}]: {each.currency}, but order {each.order_id}"
                    f" is in {expected}"
                )
    invoiced = {invoice.order_id for invoice in shop.invoices}
    stocked = {stock.sku for stock in shop.stock}
    for place, order in enumerate(shop.orders):
        if order.order_id not in invoiced:
            yield f"$.orders[{place}]: order {order.order_id} has no invoice"
        for number, line in enumerate(order.lines):
            if line.sku not in stocked:
                yield f"$.orders[{place}].lines[{number}]: {line.sku} has no stock record"
    for place, stock in enumerate(shop.stock):
        if stock.reserved > stock.on_hand:
            yield f"$.stock[{place}]: more pieces of {stock.sku} are reserved than there are"


def _duplicates(name: str, ids: Iterable[str], what: str = "id") -> Iterator[str]:
    seen: set[str] = set()
    for place, each in enumerate(ids):
        if each in seen:
            yield f"$.{name}[{place}]: a second {what} {each}"
        seen.add(each)


def _order_problems(shop: Shop) -> Iterator[str]:
    customers = {customer.customer_id for customer in shop.customers}
    for place, order in enumerate(shop.orders):
        if order.customer_id not in customers:
            yield f"$.orders[{place}].customer_id: no customer {order.customer_id}"
        yield from _duplicates(f"orders[{place}].lines", (line.line_id for line in order.lines))


def _reference_problems(shop: Shop) -> Iterator[str]:
    owners = {order.order_id: order.customer_id for order in shop.orders}
    for name in ("shipments", "payments", "invoices", "refunds", "promises"):
        for place, each in enumerate(getattr(shop, name)):
            if each.order_id not in owners:
                yield f"$.{name}[{place}].order_id: no order {each.order_id}"
    for place, payment in enumerate(shop.payments):
        owner = owners.get(payment.order_id, payment.customer_id)
        if payment.customer_id != owner:
            yield (
                f"$.payments[{place}].customer_id: {payment.customer_id}, but order"
                f" {payment.order_id} belongs to {owner}"
            )


def _refund_problems(shop: Shop) -> Iterator[str]:
    orders = {payment.payment_id: payment.order_id for payment in shop.payments}
    for name in ("refunds", "promises"):
        for place, each in enumerate(getattr(shop, name)):
            order_id = orders.get(each.payment_id)
            if order_id is None:
                yield f"$.{name}[{place}].payment_id: no payment {each.payment_id}"
            elif order_id != each.order_id:
                yield (
                    f"$.{name}[{place}].payment_id: {each.payment_id} is for order"
                    f" {order_id}, not {each.order_id}"
                )
    lines = {order.order_id: {line.line_id for line in order.lines} for order in shop.orders}
    for place, refund in enumerate(shop.refunds):
        if refund.line_id is None:
            if refund.quantity is not None:
                yield f"$.refunds[{place}].line_id: missing, though a quantity is given"
        elif refund.quantity is None:
            yield f"$.refunds[{place}].quantity: missing, though a line is given"
        elif refund.line_id not in lines.get(refund.order_id, {refund.line_id}):
            yield (
                f"$.refunds[{place}].line_id: order {refund.order_id} has no line {refund.line_id}"
            )
