"""What a message to a domain's agent must be, and the task that it makes."""

import hashlib
from typing import Any

import msgspec
from a2a.types import Message, SendMessageConfiguration, SendMessageRequest
from a2a.utils.errors import ContentTypeNotSupportedError, InvalidParamsError
from a2a.utils.proto_utils import validate_proto_required_fields
from google.protobuf.json_format import MessageToDict  # type: ignore[import-untyped]

from redress.a2a.wire import JSON, whole_numbers
from redress.errors import InvalidInputError
from redress.models.agents import AgentQuestion
from redress.models.base import Identifier, Model, parse
from redress.models.case import SupportCase
from redress.models.identity import Access, sku_digests

_ACCEPTED = frozenset({JSON, "application/*", "*/*"})


class _Ids(Model, frozen=True, kw_only=True):
    message_id: Identifier
    context_id: Identifier | None = None


def check_required(params: Any) -> None:
    """Refuse a request that lacks a field which A2A requires.

    Raises:
        InvalidParamsError: it names the fields.
    """
    if isinstance(params, SendMessageRequest):
        # JSON data has no fields of A2A's, and looking for them took a sixth of a message's CPU.
        params = _without_data(params)
    validate_proto_required_fields(params)


def _without_data(params: SendMessageRequest) -> SendMessageRequest:
    lean = SendMessageRequest()
    lean.CopyFrom(params)
    for part in lean.message.parts:
        if part.WhichOneof("content") == "data":
            part.data.Clear()
    return lean


def check_ids(message: Message) -> None:
    """Refuse ids that could not be stored.

    Raises:
        InvalidParamsError: an id is too long or holds odd characters.
    """
    ids = {"message_id": message.message_id, "context_id": message.context_id or None}
    try:
        parse(_Ids, ids)
    except InvalidInputError as error:
        raise InvalidParamsError(f"messageId or contextId: {error}") from error


def check_output(configuration: SendMessageConfiguration) -> None:
    """Refuse a caller who does not take JSON, which is all that there is.

    Raises:
        ContentTypeNotSupportedError: the accepted output modes leave JSON out.
    """
    modes = configuration.accepted_output_modes
    if modes and not _ACCEPTED.intersection(mode.partition(";")[0].strip() for mode in modes):
        raise ContentTypeNotSupportedError(f"the report is {JSON}")


def read_question(message: Message) -> AgentQuestion:
    """Return the question of a message: its one part is data.

    Raises:
        ContentTypeNotSupportedError: a part is text, a file or a link.
        InvalidParamsError: there are several parts, or the data does not fit.
    """
    if any(part.WhichOneof("content") != "data" for part in message.parts):
        raise ContentTypeNotSupportedError(f"send one data part ({JSON}): case and question")
    if len(message.parts) != 1:
        raise InvalidParamsError("send one data part: case and question")
    try:
        data = whole_numbers(MessageToDict(message.parts[0].data))
        return parse(AgentQuestion, data)
    except (InvalidInputError, ValueError) as error:
        raise InvalidParamsError(f"the data part: {error}") from error


def case_of(question: AgentQuestion, access: Access, grant_id: str) -> SupportCase:
    """Return the case that is asked about, under the grant that the agent's work gets.

    Raises:
        InvalidParamsError: it does not fit, or is not the case that the token is for.
    """
    if "grant_id" in question.case:
        raise InvalidParamsError("the data part: case holds a grant_id, which is the caller's own")
    try:
        case = parse(SupportCase, {**question.case, "grant_id": grant_id})
    except InvalidInputError as error:
        raise InvalidParamsError(f"the data part: case: {error}") from error
    said = (case.case_id, case.customer_id, case.order_id, case.as_of)
    allowed = (access.case_id, access.subject, access.order_id, access.as_of)
    if said != allowed or sku_digests(case.skus) != access.sku_digests:
        # Which of them differs is nobody's business who lacks the right token.
        raise InvalidParamsError("the data part: the token is not for this case")
    return case


def message_json(message: Message) -> dict[str, Any]:
    """Return a message as A2A 1.0 writes it in JSON."""
    found: dict[str, Any] = whole_numbers(MessageToDict(message))
    return found


def content_hash(message: dict[str, Any]) -> str:
    """Return the hash of what a message says, whatever its ids."""
    # Protobuf's maps have no order.
    said = msgspec.json.encode([message.get("role"), message.get("parts")], order="sorted")
    return hashlib.sha256(said).hexdigest()
