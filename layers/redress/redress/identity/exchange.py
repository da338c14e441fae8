"""The words of a token exchange on the wire (RFC 8693, RFC 6749)."""

from typing import Final, Literal

import msgspec

GRANT_TYPE: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN: Final = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - a name, no secret
JWT_SUBJECT: Final = "urn:ietf:params:oauth:token-type:jwt"
STORED_GRANT: Final = "urn:redress:token-type:grant"
"""The subject is a grant in the store, by its id: no secret, and worth nothing to other roles."""
CASE_DETAIL: Final = "redress_case"
"""The one type of authorization detail (RFC 9396): which case, and what of it."""


class TokenAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to a token exchange; `expires_in` is seconds, `scope` is separated by spaces."""

    access_token: str
    expires_in: int
    scope: str
    issued_token_type: str = ACCESS_TOKEN
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - a name, no secret
