"""Runs one Strands agent to its end: budget, metering, throttling and typed errors."""

import asyncio
import json
import sys
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import cache
from json import JSONDecodeError
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from strands import Agent
from strands.agent.agent_result import AgentResult
from strands.agent.conversation_manager import NullConversationManager
from strands.event_loop._retry import ModelRetryStrategy
from strands.hooks import (
    AfterModelCallEvent,
    AfterToolCallEvent,
    BeforeModelCallEvent,
    BeforeToolCallEvent,
)
from strands.models.model import Model
from strands.tools.executors import ConcurrentToolExecutor, SequentialToolExecutor
from strands.types.exceptions import (
    ContextWindowOverflowException,
    EventLoopException,
    MaxTokensReachedException,
    ModelThrottledException,
)
from strands.types.tools import AgentTool

from redress.agents.budget import Meter
from redress.agents.strands_economy import FixedTools, quieten_tracing
from redress.agents.tools import Conclusions
from redress.errors import (
    BudgetExceededError,
    DependencyUnavailableError,
    InvalidProposalError,
    ModelRefusedError,
    ModelThrottledError,
)

RETRY_DELAY_SECONDS = 1
MODEL_ATTEMPTS = 2
"""Tries of one model call when the service throttles; Step Functions retries beyond that."""

BEDROCK_REFUSALS = frozenset(
    {
        "AccessDeniedException",
        "ResourceNotFoundException",
        "UnrecognizedClientException",
        "ValidationException",
    }
)
"""Error codes of Amazon Bedrock that stay until somebody mends the account, the model or us."""
OPENAI_REFUSALS = frozenset({400, 401, 403, 404, 422})
"""The HTTP statuses that say so of a server that speaks chat completions."""

T = TypeVar("T")


@cache
def prompt(*names: str) -> str:
    """Return system prompts by name, joined."""
    folder = Path(__file__).parent / "prompts"
    return "\n".join((folder / f"{name}.md").read_text("utf-8").strip() for name in names)


def as_data(tag: str, value: Any) -> str:
    """Return `value` as JSON between tags that nothing inside it can close.

    Every "<" of the JSON stands inside a string, where it is escaped.
    """
    text = msgspec.json.encode(value).decode().replace("<", "\\u003c")
    return f"<{tag}>\n{text}\n</{tag}>"


def model_id(model: Model) -> str:
    """Return the name under which a model is recorded and priced."""
    config = model.get_config()
    return str(config.get("model_id") or type(model).__name__)


def run_agent(
    model: Model,
    system_prompt: str,
    tools: Sequence[AgentTool],
    message: str,
    meter: Meter,
    *,
    turns: int,
    conclusions: Conclusions | None = None,
    side_by_side: bool = False,
) -> AgentResult:
    """Run an agent made for this call only.

    Args:
        model: The language model; may be shared.
        system_prompt: Instructions, never data.
        tools: What the agent may call.
        message: The user message.
        meter: Counts, and refuses what the budget does not allow.
        turns: The most model calls of this run.
        conclusions: Ends the loop, after the tools of the current turn, once it has its answer;
            without it, the loop ends when the model calls no tool.
        side_by_side: Whether tools that are called in one turn run at the same time.

    Raises:
        ModelThrottledError: the service throttled every try.
        ModelRefusedError: the service refuses such calls, now and later.
        DependencyUnavailableError: the service did not answer, or not in its own protocol.
        BudgetExceededError: tokens or money ran out, or the answer was cut short.
    """
    quieten_tracing()
    agent = Agent(
        model=model,
        system_prompt=system_prompt,
        callback_handler=None,
        conversation_manager=NullConversationManager(),
        retry_strategy=ModelRetryStrategy(
            max_attempts=MODEL_ATTEMPTS, initial_delay=RETRY_DELAY_SECONDS
        ),
        tool_executor=ConcurrentToolExecutor() if side_by_side else SequentialToolExecutor(),
    )
    agent.tool_registry = FixedTools(tools)
    if conclusions is not None:
        conclusions.stop = lambda: agent.cancel(after_current_tools=True)
    prefix_bytes = len(system_prompt.encode()) + _json_bytes([tool.tool_spec for tool in tools])

    def before_model_call(event: BeforeModelCallEvent) -> None:
        del event
        meter.reserve(prefix_bytes + _json_bytes(_sent(agent.messages)))

    def after_model_call(event: AfterModelCallEvent) -> None:
        if event.stop_response is not None:
            answer = event.stop_response.message
            reported = answer.get("metadata", {}).get("usage")
            meter.record(dict(reported or {}), _json_bytes(answer["content"]))

    def before_tool_call(event: BeforeToolCallEvent) -> None:
        del event
        meter.record_tool_call()

    failures: list[Exception] = []

    def after_tool_call(event: AfterToolCallEvent) -> None:
        # A ValueError or an unknown tool is the model's mistake, and it is told; the rest is ours.
        error = event.exception
        if error is None or isinstance(error, ValueError) or event.selected_tool is None:
            return
        failures.append(error)
        agent.cancel()

    agent.hooks.add_callback(BeforeModelCallEvent, before_model_call)
    agent.hooks.add_callback(AfterModelCallEvent, after_model_call)
    agent.hooks.add_callback(BeforeToolCallEvent, before_tool_call)
    agent.hooks.add_callback(AfterToolCallEvent, after_tool_call)
    limit = min(turns, meter.calls_left)
    try:
        result = run_sync(lambda: agent.invoke_async(message, limits={"turns": limit}))
    except Exception as error:
        # A boundary: a provider's own error classes end here, everything else is raised as it is.
        _raise_typed(error)
        raise
    if failures:
        raise failures[0]
    return result


def run_sync(start: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine to its end: in this thread, unless this thread runs an event loop already."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(start())
    with ThreadPoolExecutor(1) as executor:
        context = copy_context()
        return executor.submit(lambda: context.run(lambda: asyncio.run(start()))).result()


def _sent(messages: Sequence[Any]) -> list[dict[str, Any]]:
    return [{"role": m["role"], "content": m["content"]} for m in messages]


def _json_bytes(value: Any) -> int:
    try:
        return len(msgspec.json.encode(value))
    except UnicodeEncodeError:
        # A model may write a lone surrogate, which only an escape can carry.
        return len(json.dumps(value))


def _raise_typed(error: Exception) -> None:
    """Raise the Redress error that stands for a provider's error; return for any other."""
    cause: BaseException = error
    while isinstance(cause, EventLoopException) and cause.original_exception is not cause:
        cause = cause.original_exception
    if isinstance(cause, ModelThrottledException):
        raise ModelThrottledError(f"the model service throttles: {cause}") from error
    if isinstance(cause, MaxTokensReachedException):
        raise BudgetExceededError("the model's answer was cut at its output limit") from error
    if isinstance(cause, ContextWindowOverflowException):
        raise BudgetExceededError("the case does not fit into the model's context") from error
    if _is_refusal(cause):
        raise ModelRefusedError(
            f"the model service refuses the call; check REDRESS_MODEL and the access to it: {cause}"
        ) from error
    if isinstance(cause, _provider_errors()):
        raise DependencyUnavailableError(
            f"the model did not answer: {type(cause).__name__}: {cause}"
        ) from error
    if cause is not error:
        raise cause from None


def _is_refusal(error: BaseException) -> bool:
    """Tell whether a provider's error is one that trying again does not help."""
    if "botocore" in sys.modules:
        from botocore.exceptions import ClientError

        if isinstance(error, ClientError):
            code = str(error.response.get("Error", {}).get("Code", ""))
            # Within a stream the service writes its codes with a small first letter.
            return code[:1].upper() + code[1:] in BEDROCK_REFUSALS
    if "openai" in sys.modules:
        from openai import APIStatusError

        return isinstance(error, APIStatusError) and error.status_code in OPENAI_REFUSALS
    return False


def _provider_errors() -> tuple[type[Exception], ...]:
    """Return the error classes of the providers in use: only what is imported can be raised."""
    kinds: list[type[Exception]] = []
    if "botocore" in sys.modules:
        from botocore.eventstream import ParserError
        from botocore.exceptions import BotoCoreError, ClientError

        kinds += [BotoCoreError, ClientError, ParserError]
    if "openai" in sys.modules:
        from openai import OpenAIError

        # The client leaves it to its caller when a chunk is no JSON.
        kinds += [OpenAIError, JSONDecodeError]
    if "httpx" in sys.modules:
        from httpx import HTTPError

        kinds.append(HTTPError)
    return tuple(kinds)


def said(result: AgentResult) -> str:
    """Return the text of a run's last message: a model's words, and nothing but data."""
    blocks = result.message.get("content", [])
    text = " ".join(block["text"].strip() for block in blocks if "text" in block)
    # A lone surrogate is no text that JSON could carry.
    return text.encode("utf-8", "replace").decode()


def require_conclusion(conclusions: Conclusions, result: AgentResult, turns: int) -> Any:
    """Return the accepted conclusion of a run that was allowed so many turns.

    Raises:
        InvalidProposalError: the model never concluded in a way that keeps the contract.
        BudgetExceededError: it was stopped before it could conclude.
    """
    if conclusions.accepted is not None:
        return conclusions.accepted
    if conclusions.refusal is not None:
        raise InvalidProposalError(str(conclusions.refusal))
    if result.stop_reason.startswith("limit_") and turns > 1:
        raise BudgetExceededError("the agent has used its model calls without concluding")
    raise InvalidProposalError(
        f"the model stopped ({result.stop_reason}) without calling `conclude` as asked"
    )
