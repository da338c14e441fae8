"""ShowKeys: the public keys of the tokens' issuer, and where everything is."""

from typing import Any

from redress.api.show_keys import show_keys
from redress.logs import logged
from redress.runtime import runtime


@logged
def handler(event: dict[str, Any], _context: object) -> Any:
    """Show."""
    here = runtime()
    return show_keys(event, here.keys)
