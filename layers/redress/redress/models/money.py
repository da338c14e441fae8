"""Amounts as people read them."""

# ISO 4217: currencies whose minor unit is not a hundredth.
_DECIMALS = {
    **dict.fromkeys(("CLP", "ISK", "JPY", "KRW", "PYG", "UGX", "VND", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
}


def money(amount_minor: int, currency: str | None) -> str:
    """Return an amount of minor units as people read it, such as `12.50 EUR`; "" for none."""
    if not currency:
        return ""
    decimals = _DECIMALS.get(currency, 2)
    whole, fraction = divmod(amount_minor, 10**decimals)
    digits = f".{fraction:0{decimals}d}" if decimals else ""
    return f"{whole}{digits} {currency}"
