"""The Lambda API: AWS's REST paths over the Lambda service, without a web framework."""

from __future__ import annotations

import base64
import functools
import logging
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote

from redress_local.lambda_service.api_events import EventOperations
from redress_local.lambda_service.api_functions import FunctionOperations
from redress_local.lambda_service.client_context import client_context
from redress_local.lambda_service.errors import (
    InvalidParameterError,
    LambdaServiceError,
)
from redress_local.lambda_service.payloads import check_payload
from redress_local.lambda_service.rest import (
    Query,
    RestAnswer,
    RestService,
    answer,
    failure,
    parameters,
)
from redress_local.lambda_service.service import SYNC_LIMIT, LambdaService
from redress_local.lambda_service.types import LATEST, Outcome

_log = logging.getLogger(__name__)

_INVOKE = re.compile(r"/2015-03-31/functions/([^/]+)/invocations/?")
_INVOKE_ASYNC = re.compile(r"/2014-11-13/functions/([^/]+)/invoke-async/?")


class LambdaApi:
    """AWS's Lambda API, as boto3 and the `aws` command speak it.

    Args:
        service: What it serves.
        code_folder: Where uploaded archives are unpacked; None refuses them.
        layers: The folder of each known layer, by its ARN, for functions made by the API.
    """

    def __init__(
        self,
        service: LambdaService,
        *,
        code_folder: Path | None = None,
        layers: Mapping[str, Path] | None = None,
    ) -> None:
        self._service = service
        self._code_folder = code_folder
        self._layers = layers if layers is not None else {}

    @functools.cached_property
    def _rest(self) -> RestService:
        # botocore's model takes a while to load, and invocations do without it.
        functions = FunctionOperations(self._service, self._code_folder, self._layers)
        events = EventOperations(self._service)
        return RestService("lambda", {**functions.operations(), **events.operations()})

    def handle(
        self,
        method: str,
        path: str,
        query: Query,
        headers: Mapping[str, str],
        body: bytes,
    ) -> RestAnswer:
        """Answer a request. Never raises; blocks until a synchronous invocation has ended.

        Args:
            method: Of HTTP.
            path: Percent-encoded or not.
            query: The raw query string, or its parameters.
            headers: Any case.
            body: As it came.

        Returns:
            Status, headers and body.
        """
        try:
            if method == "POST":
                if match := _INVOKE.fullmatch(path):
                    return self._invoke(unquote(match.group(1)), query, headers, body)
                if match := _INVOKE_ASYNC.fullmatch(path):
                    self._service.invoke_async(unquote(match.group(1)), body)
                    return answer(202, b'{"Status":202}')
            return self._rest.handle(method, path, query, headers, body)
        except LambdaServiceError as error:
            return failure(error)
        except Exception:  # noqa: BLE001
            # The boundary of the API: whatever went wrong is AWS's ServiceException to the caller.
            _log.exception("the Lambda API failed: %s %s", method, path)
            return failure(LambdaServiceError("The service failed; its log has the reason."))

    def _invoke(
        self, name: str, query: Query, headers: Mapping[str, str], body: bytes
    ) -> RestAnswer:
        given = {key.lower(): value for key, value in headers.items()}
        if query and (qualifier := parameters(query).get("Qualifier")):
            name = f"{name}:{qualifier[-1]}"
        kind = given.get("x-amz-invocation-type", "RequestResponse")
        trace_id = given.get("x-amzn-trace-id")
        match kind:
            case "DryRun":
                self._service.function(name)
                check_payload(body, SYNC_LIMIT, "DryRun")
                return answer(204, b"")
            case "Event":
                request_id = self._service.invoke_async(name, body, trace_id=trace_id)
                return answer(202, b"", x_amzn_requestid=request_id)
            case "RequestResponse":
                context = client_context(given.get("x-amz-client-context"))
                outcome = self._service.invoke(
                    name, body, client_context=context, trace_id=trace_id
                )
                return _invoked(outcome, tail=given.get("x-amz-log-type") == "Tail")
        raise InvalidParameterError("InvocationType must be one of RequestResponse, Event, DryRun")


def _invoked(outcome: Outcome, *, tail: bool) -> RestAnswer:
    more = {"x_amz_executed_version": LATEST}
    if outcome.request_id:
        more["x_amzn_requestid"] = outcome.request_id
    if outcome.function_error:
        more["x_amz_function_error"] = outcome.function_error
    if tail:
        more["x_amz_log_result"] = base64.b64encode(outcome.log_tail[-4096:]).decode()
    return answer(200, outcome.payload, **more)
