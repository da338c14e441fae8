"""What Redress needs from the outside, as protocols; adapters implement them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

import msgspec

from redress.models.agents import AgentTask
from redress.models.identity import ExchangeRequest, IssuedToken
from redress.models.investigation import Passage
from redress.models.resolution import PastResolution


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """A stored document. `document` is JSON text; `version` counts its writes from 1."""

    partition: str
    sort: str
    document: bytes
    version: int


class Write(msgspec.Struct, frozen=True, kw_only=True):
    """One conditional write.

    `expected_version` 0 means the record must not exist; a write leaves the next version.
    `index` files the record under a second key for `Repository.by_index`. A store may forget the
    record some time after `expires_at`, if that is given (epoch seconds); until then it is there.
    """

    partition: str
    sort: str
    document: bytes
    expected_version: int
    index: str | None = None
    expires_at: int | None = None


class Repository(Protocol):
    """The records of one domain, in one table.

    Implementations: adapters/memory, adapters/sqlite, adapters/aws (DynamoDB).
    """

    def get(self, partition: str, sort: str) -> Record | None:
        """Read one record, consistently."""
        ...

    def query(self, partition: str, prefix: str = "") -> list[Record]:
        """Read the records of a partition whose sort key starts with `prefix`, in key order."""
        ...

    def by_index(self, index: str) -> list[Record]:
        """Read the records filed under `index`, ordered by key; may lag behind writes."""
        ...

    def commit(self, writes: Sequence[Write]) -> None:
        """Apply all writes or none (at most 100).

        Raises:
            ConflictError: a record has another version than the one expected.
            DependencyUnavailableError: the store did not answer.
        """
        ...


class EventPublisher(Protocol):
    """The event bus. Implementations: adapters/memory, adapters/aws (EventBridge), local cloud."""

    def publish(self, detail_type: str, detail: dict[str, Any]) -> None:
        """Put one event of source `redress`.

        Raises:
            DependencyUnavailableError: the bus did not accept it.
        """
        ...


class Clock(Protocol):
    """The current time."""

    def now(self) -> datetime:
        """Return an aware UTC instant."""
        ...


class PassageIndex(Protocol):
    """Retrieval of passages: of the policy's prose, or of past resolutions.

    Implementations: adapters/memory, adapters/sqlite (BM25), adapters/aws (Bedrock).
    """

    def search(self, text: str, limit: int) -> list[Passage]:
        """Return the `limit` best `Passage`s for `text`, best first."""
        ...


class ResolutionLibrary(PassageIndex, Protocol):
    """A `PassageIndex` of past resolutions that takes in new ones.

    Implementations: adapters/sqlite (in any repository), adapters/aws (Bedrock).
    """

    def keep(self, resolution: PastResolution) -> None:
        """Take in a resolution; again, it changes nothing.

        Raises:
            ConflictError: another write came first; decide again.
            DependencyUnavailableError: the library did not answer.
        """
        ...


class TaskCallback(Protocol):
    """Answers a state that waits for a task token.

    Implementations: adapters/memory, adapters/aws (Step Functions), local cloud.
    """

    def send_success(self, token: str, output: dict[str, Any]) -> bool:
        """Let the waiting state go on with `output`; False if nothing waits for the token now.

        Raises:
            DependencyUnavailableError: the answer was not taken.
        """
        ...

    def send_failure(self, token: str, error: str, cause: str) -> bool:
        """Let the waiting state fail with `error`; False if nothing waits for the token now.

        Raises:
            DependencyUnavailableError: the answer was not taken.
        """
        ...


class ClientConnections(Protocol):
    """The WebSocket connections of customers' clients.

    Implementations: adapters/memory, adapters/aws (API Gateway's management API).
    """

    def send(self, connection_id: str, message: dict[str, Any]) -> bool:
        """Send one JSON message; False if the connection is gone.

        Raises:
            DependencyUnavailableError: the message could not be handed over.
        """
        ...


class TokenBroker(Protocol):
    """Exchanges a grant, or a token, for a token that one audience takes for a minute.

    Implementations: identity/broker, adapters/aws (the function ExchangeToken; AgentCore Identity).
    """

    def exchange(self, request: ExchangeRequest) -> IssuedToken:
        """Issue a token of scope requested AND user AND workload AND audience.

        Raises:
            AccessDeniedError: nothing of it is allowed, or the grant is another case's.
            TokenRefusedError: the subject token is not valid.
            DependencyUnavailableError: the broker did not answer.
        """
        ...


class PublicKeys(Protocol):
    """The issuer's public keys. Implementations: adapters/local_keys, adapters/aws/kms."""

    def find(self, key_id: str) -> Mapping[str, str] | None:
        """Return the public JWK of an id, if there is one.

        Raises:
            DependencyUnavailableError: the keys could not be read.
        """
        ...

    def jwks(self) -> Sequence[Mapping[str, str]]:
        """Return all of them as public JWKs, each with `kid`, `alg` and `use`.

        Raises:
            DependencyUnavailableError: the keys could not be read.
        """
        ...


class Signer(PublicKeys, Protocol):
    """Signs by ES256. Implementations: adapters/local_keys, adapters/aws/kms."""

    @property
    def key_id(self) -> str:
        """The id of the key that signs now.

        Raises:
            DependencyUnavailableError: the key could not be read.
        """
        ...

    def sign(self, message: bytes) -> bytes:
        """Return the signature over `message` as JWS has it: r and s, 32 bytes each.

        Raises:
            DependencyUnavailableError: the key could not be used.
        """
        ...


class TaskStarter(Protocol):
    """Starts the work on an A2A task, which then goes on without its caller.

    Implementations: adapters/aws (Step Functions), local cloud.
    """

    def start(self, task: AgentTask) -> None:
        """Start once, however often it is called for a task.

        Raises:
            DependencyUnavailableError: it could not be started.
        """
        ...
