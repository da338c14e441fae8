"""List prices of language models, to state what a case costs; cached input is priced in full."""

import msgspec


class Price(msgspec.Struct, frozen=True):
    """Millionths of a US dollar for 1,000 tokens."""

    input_micros: int
    output_micros: int

    def micros(self, input_tokens: int, output_tokens: int) -> int:
        """Return the cost in millionths of a US dollar, rounded up."""
        thousandfold = input_tokens * self.input_micros + output_tokens * self.output_micros
        return -(-thousandfold // 1000)


SONNET_CLASS = Price(3_000, 15_000)

_PRICES: tuple[tuple[str, Price], ...] = (
    ("claude-opus", Price(15_000, 75_000)),
    ("claude-sonnet", SONNET_CLASS),
    ("claude-haiku", Price(1_000, 5_000)),
    ("nova-premier", Price(2_500, 12_500)),
    ("nova-pro", Price(800, 3_200)),
    ("nova-lite", Price(60, 240)),
    ("nova-micro", Price(35, 140)),
    # Not an LLM, and free: priced so that costs of patterns can be compared offline.
    ("playbook", SONNET_CLASS),
)


def price_of(model_id: str) -> Price:
    """Return the price of the first entry whose name is part of `model_id`.

    An unknown model is priced as a Sonnet-class one, so that a budget in money still holds.
    """
    for name, price in _PRICES:
        if name in model_id:
            return price
    return SONNET_CLASS
