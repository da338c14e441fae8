"""ShowKeys: the public keys of the tokens' issuer, and where everything is (OIDC discovery)."""

from typing import Any, Final

from redress.api.exchange_token import issuer_of
from redress.api.requests import answers, read_request
from redress.identity.exchange import GRANT_TYPE
from redress.ports import PublicKeys

KEYS_PATH: Final = "/.well-known/jwks.json"


@answers
def show_keys(event: Any, keys: PublicKeys) -> dict[str, Any]:
    """Answer GET /.well-known/jwks.json and GET /.well-known/openid-configuration.

    Raises:
        DependencyUnavailableError: the keys could not be read, or the API does not know itself.
    """
    request = read_request(event)
    if request.raw_path.endswith(KEYS_PATH):
        return {"keys": [dict(key) for key in keys.jwks()]}
    issuer = issuer_of(request)
    return {
        "issuer": issuer,
        "jwks_uri": f"{issuer}{KEYS_PATH}",
        "token_endpoint": f"{issuer}/oauth/token",
        "grant_types_supported": [GRANT_TYPE],
        # Required by the specification; nobody signs in here.
        "response_types_supported": ["none"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
    }
