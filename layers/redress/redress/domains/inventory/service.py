"""Reserving stock as pure transitions from one state to the next."""

import msgspec

from redress.domains.inventory.models import Reservation, Stock
from redress.errors import FinalError, OutOfStockError


def available(stock: Stock | None) -> int:
    """Return the pieces that can be promised; none of a product without a record."""
    return max(0, stock.on_hand - stock.reserved) if stock else 0


def reserve(
    stock: Stock, quantity: int, order_id: str, effect_key: str
) -> tuple[Stock, Reservation]:
    """Set pieces aside.

    Raises:
        OutOfStockError: fewer pieces are available.
    """
    if quantity > available(stock):
        raise OutOfStockError(
            f"{stock.sku}: {quantity} wanted, {available(stock)} available; refund the line instead"
        )
    reservation = Reservation(
        sku=stock.sku,
        order_id=order_id,
        quantity=quantity,
        status="held",
        effect_key=effect_key,
    )
    return msgspec.structs.replace(stock, reserved=stock.reserved + quantity), reservation


def consume(stock: Stock, reservation: Reservation) -> tuple[Stock, Reservation]:
    """Take held pieces out of the warehouse; nothing changes if that was done before.

    Raises:
        FinalError: the reservation was released, or is for another product.
    """
    _check(stock, reservation, refused="released")
    if reservation.status == "consumed":
        return stock, reservation
    moved = msgspec.structs.replace(
        stock,
        on_hand=stock.on_hand - reservation.quantity,
        reserved=stock.reserved - reservation.quantity,
    )
    return moved, msgspec.structs.replace(reservation, status="consumed")


def restore(stock: Stock, reservation: Reservation) -> tuple[Stock, Reservation]:
    """Put consumed pieces back and hold them: undoes `consume`; nothing changes if held.

    Raises:
        FinalError: the reservation was released, or is for another product.
    """
    _check(stock, reservation, refused="released")
    if reservation.status == "held":
        return stock, reservation
    moved = msgspec.structs.replace(
        stock,
        on_hand=stock.on_hand + reservation.quantity,
        reserved=stock.reserved + reservation.quantity,
    )
    return moved, msgspec.structs.replace(reservation, status="held")


def release(stock: Stock, reservation: Reservation) -> tuple[Stock, Reservation]:
    """Give held pieces back: undoes `reserve`; nothing changes if that was done before.

    Raises:
        FinalError: the pieces have left the warehouse, or are another product's.
    """
    _check(stock, reservation, refused="consumed")
    if reservation.status == "released":
        return stock, reservation
    freed = msgspec.structs.replace(stock, reserved=stock.reserved - reservation.quantity)
    return freed, msgspec.structs.replace(reservation, status="released")


def _check(stock: Stock, reservation: Reservation, refused: str) -> None:
    if reservation.sku != stock.sku:
        raise FinalError(f"reservation {reservation.effect_key} is for {reservation.sku}")
    if reservation.status == refused:
        raise FinalError(f"reservation {reservation.effect_key} is {refused} already")
