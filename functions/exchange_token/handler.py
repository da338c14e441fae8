"""ExchangeToken: POST /oauth/token, a grant or a token in, a token for one audience out."""

from typing import Any

from redress.api.exchange_token import exchange_token
from redress.logs import logged
from redress.runtime import runtime


@logged
def handler(event: dict[str, Any], _context: object) -> Any:
    """Exchange."""
    here = runtime()
    return exchange_token(event, here.issuing, here.config.workload_roles)
