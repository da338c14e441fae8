"""Orders and shipments in a repository: one partition an order."""

from redress.domains.orders.models import Order, OrderFacts, Shipment
from redress.errors import UnknownOrderError
from redress.models.base import dump_json, parse_json
from redress.ports import Repository, Write

ORDER = "order"
SHIPMENT = "shipment#"


def partition_key(order_id: str) -> str:
    """Return the partition of an order's records."""
    return f"order#{order_id}"


def shipment_key(shipment_id: str) -> str:
    """Return the sort key of a shipment."""
    return f"{SHIPMENT}{shipment_id}"


def load_order(repository: Repository, order_id: str) -> OrderFacts:
    """Read an order with its shipments, in one query.

    Raises:
        UnknownOrderError: there is no such order.
        InvalidInputError: a stored record does not fit its model.
    """
    order: Order | None = None
    shipments: list[Shipment] = []
    versions: dict[str, int] = {}
    for record in repository.query(partition_key(order_id)):
        if record.sort == ORDER:
            order = parse_json(Order, record.document)
        elif record.sort.startswith(SHIPMENT):
            shipments.append(parse_json(Shipment, record.document))
        else:
            continue
        versions[record.sort] = record.version
    if order is None:
        raise UnknownOrderError(f"no order has the id {order_id}")
    return OrderFacts(order=order, shipments=tuple(shipments), versions=versions)


def put_order(order: Order, expected_version: int) -> Write:
    """Build the write of an order; version 0 creates it."""
    return Write(
        partition=partition_key(order.order_id),
        sort=ORDER,
        document=dump_json(order),
        expected_version=expected_version,
    )


def put_shipment(shipment: Shipment, expected_version: int) -> Write:
    """Build the write of a shipment; version 0 creates it."""
    return Write(
        partition=partition_key(shipment.order_id),
        sort=shipment_key(shipment.shipment_id),
        document=dump_json(shipment),
        expected_version=expected_version,
    )
