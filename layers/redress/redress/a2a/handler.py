"""A2A's operations over the durable task store: nothing here outlives the request that asks."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from functools import wraps
from typing import Any, TypeVar

import msgspec
from a2a.server.context import ServerCallContext
from a2a.server.events import Event
from a2a.server.request_handlers.request_handler import RequestHandler
from a2a.types import (
    AgentCard,
    CancelTaskRequest,
    DeleteTaskPushNotificationConfigRequest,
    GetExtendedAgentCardRequest,
    GetTaskPushNotificationConfigRequest,
    GetTaskRequest,
    ListTaskPushNotificationConfigsRequest,
    ListTaskPushNotificationConfigsResponse,
    ListTasksRequest,
    ListTasksResponse,
    Message,
    SendMessageRequest,
    SubscribeToTaskRequest,
    Task,
    TaskPushNotificationConfig,
)
from a2a.utils.errors import (
    A2AError,
    InternalError,
    InvalidParamsError,
    TaskNotCancelableError,
    TaskNotFoundError,
    UnsupportedOperationError,
)
from a2a.utils.task import apply_history_length, validate_history_length
from google.protobuf.json_format import ParseDict  # type: ignore[import-untyped]

from redress.a2a.listing import page_of
from redress.a2a.messages import (
    case_of,
    check_ids,
    check_output,
    check_required,
    content_hash,
    message_json,
    read_question,
)
from redress.a2a.push_configs import check_config, from_wire, to_wire
from redress.a2a.tasks import MAX_PUSH_CONFIGS, FoundTask, PushConfig, TaskStore, task_id_of
from redress.a2a.wire import task_json
from redress.errors import ConflictError, RedressError
from redress.logs import logger
from redress.models.agents import AgentTask, StoredTask
from redress.models.identity import Access
from redress.models.investigation import DomainName
from redress.ports import Clock, TaskStarter

ACCESS = "redress_access"
"""Where the call's context holds the checked `Access`."""

BUDGET_SECONDS = 20.0
"""How long a call waits for a task: API Gateway gives up after 30 seconds."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 0.5

Delegate = Callable[[Access, tuple[str, ...]], str]
"""Stores what a token allows for work that outlives the token; returns the grant's id.

It is given the products of the case, which the token has digests of.
"""

F = TypeVar("F", bound=Callable[..., Any])


def _answers(method: F) -> F:
    """Validate the request, and answer our errors in A2A's words."""

    @wraps(method)
    async def wrapper(self: "DurableRequestHandler", params: Any, context: Any) -> Any:
        try:
            check_required(params)
            return await method(self, params, context)
        except A2AError:
            raise
        except RedressError as error:
            logger.warning("a2a request failed", extra={"error": type(error).__name__})
            raise InternalError("try again later") from error
        except Exception as error:
            # The boundary to strangers, who would read whatever the error says.
            logger.exception("a2a request failed", extra={"error": type(error).__name__})
            raise InternalError from error

    return wrapper  # type: ignore[return-value]


class DurableRequestHandler(RequestHandler):
    """One domain's agent, as A2A clients see it.

    A message becomes a task by one conditional put; the work is done by whatever `starter`
    starts, and `RecordTask` ends the task in the store. So nothing is lost with a process, and
    nothing runs on in one that AWS has frozen.

    Args:
        domain: Whose agent.
        tasks: The task store.
        starter: Starts the work on a task.
        delegate: Makes the grant under which the work is done.
        clock: The current time.
        check_url: Raises `UnsafeUrlError` for a push notification URL that leads nowhere good.
        budget: Seconds that a call waits for a task.
    """

    def __init__(
        self,
        domain: DomainName,
        tasks: TaskStore,
        starter: TaskStarter,
        delegate: Delegate,
        clock: Clock,
        check_url: Callable[[str], None],
        budget: float = BUDGET_SECONDS,
    ) -> None:
        self._domain: DomainName = domain
        self._tasks = tasks
        self._starter = starter
        self._delegate = delegate
        self._clock = clock
        self._check_url = check_url
        self._budget = budget

    @_answers
    async def on_message_send(self, params: SendMessageRequest, context: ServerCallContext) -> Task:
        """Make a task of a message, or find the one that it made before."""
        access = _access(context)
        configuration = params.configuration
        validate_history_length(configuration)
        check_ids(params.message)
        check_output(configuration)
        if params.message.task_id:
            self._refuse_more(params.message, access)
        pushes: tuple[PushConfig, ...] = ()
        if configuration.HasField("task_push_notification_config"):
            given = from_wire(configuration.task_push_notification_config)
            pushes = (check_config(given, self._check_url),)
        found = self._find_or_add(params.message, access, pushes)
        if found.task.state == "submitted":
            found = self._start(found)
        if not configuration.return_immediately:
            found = await self._wait(found)
        return apply_history_length(_task(found.task), configuration)

    def _refuse_more(self, message: Message, access: Access) -> None:
        """A task is one question: it takes no further messages."""
        found = self._found(message.task_id, access)
        if message.context_id and message.context_id != found.task.context_id:
            raise InvalidParamsError("contextId is not that of the task")
        over = "is over" if found.is_over else "takes one message"
        raise UnsupportedOperationError(f"the task {over}: ask in a new one")

    def _find_or_add(
        self, message: Message, access: Access, pushes: tuple[PushConfig, ...]
    ) -> FoundTask:
        task_id = task_id_of(self._domain, access, message.message_id)
        said = message_json(message)
        found = self._tasks.find(task_id)
        if found is None:
            question = read_question(message)
            # Refuse before anything is stored: the grant's id is not known yet, nor needed.
            case = case_of(question, access, "not-yet")
            grant_id = self._delegate(access, case.skus)
            now = self._clock.now()
            context_id = message.context_id or f"context-{task_id.removeprefix('task-')}"
            task = StoredTask(
                work=AgentTask(
                    task_id=task_id,
                    domain=self._domain,
                    grant_id=grant_id,
                    case=msgspec.structs.replace(case, grant_id=grant_id),
                    question=question.question,
                ),
                subject=access.subject,
                context_id=context_id,
                message={**said, "taskId": task_id, "contextId": context_id},
                content_sha256=content_hash(said),
                state="submitted",
                created_at=now,
                updated_at=now,
            )
            try:
                return self._tasks.add(task, pushes)
            except ConflictError:
                # The same message came twice at once, and the other one was first.
                found = self._tasks.find(task_id)
                if found is None:
                    raise
        if found.task.content_sha256 != content_hash(said):
            raise InvalidParamsError("this messageId was used for another message")
        return found

    def _start(self, found: FoundTask) -> FoundTask:
        self._starter.start(found.task.work)
        try:
            return self._tasks.move(found, "working")
        except ConflictError:
            # It is over already, or another sender of the message has noted it.
            return self._tasks.find(found.task.work.task_id) or found

    async def _wait(self, found: FoundTask) -> FoundTask:
        deadline = time.monotonic() + self._budget
        pause = _FIRST_PAUSE
        while not found.is_over and time.monotonic() + pause < deadline:
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE)
            found = self._tasks.find(found.task.work.task_id) or found
        return found

    @_answers
    async def on_get_task(self, params: GetTaskRequest, context: ServerCallContext) -> Task:
        """Return one of the caller's tasks."""
        validate_history_length(params)
        found = self._found(params.id, _access(context))
        return apply_history_length(_task(found.task), params)

    @_answers
    async def on_list_tasks(
        self, params: ListTasksRequest, context: ServerCallContext
    ) -> ListTasksResponse:
        """Return a page of the caller's tasks, the latest first."""
        validate_history_length(params)
        mine = self._tasks.of_caller(self._domain, _access(context))
        page = page_of(mine, params)
        response = ListTasksResponse(
            next_page_token=page.next_token, page_size=page.size, total_size=page.total
        )
        for stored in page.tasks:
            task = apply_history_length(_task(stored), params)
            if not params.include_artifacts:
                task.ClearField("artifacts")
            response.tasks.append(task)
        return response

    @_answers
    async def on_cancel_task(self, params: CancelTaskRequest, context: ServerCallContext) -> Task:
        """Cancel a task; what is being worked out for it is thrown away when it comes."""
        access = _access(context)
        found = self._found(params.id, access)
        while not found.is_over:
            try:
                return _task(self._tasks.move(found, "canceled").task)
            except ConflictError:
                # It got into another state just now: each writer writes once, so this ends.
                found = self._found(params.id, access)
        raise TaskNotCancelableError

    @_answers
    async def on_create_task_push_notification_config(
        self, params: TaskPushNotificationConfig, context: ServerCallContext
    ) -> TaskPushNotificationConfig:
        """Remember where to tell of a task's end."""
        found = self._found(params.task_id, _access(context))
        config = check_config(from_wire(params), self._check_url)
        known = self._tasks.configs(params.task_id)
        others = [other for other in known if other.config_id != config.config_id]
        if len(others) >= MAX_PUSH_CONFIGS:
            raise InvalidParamsError(f"a task has {MAX_PUSH_CONFIGS} configs at most")
        self._tasks.put_config(found.task, config)
        return to_wire(params.task_id, config)

    @_answers
    async def on_get_task_push_notification_config(
        self, params: GetTaskPushNotificationConfigRequest, context: ServerCallContext
    ) -> TaskPushNotificationConfig:
        """Return one of a task's configs."""
        self._found(params.task_id, _access(context))
        config = self._tasks.find_config(params.task_id, params.id)
        if config is None:
            raise TaskNotFoundError("the task has no such config")
        return to_wire(params.task_id, config)

    @_answers
    async def on_list_task_push_notification_configs(
        self, params: ListTaskPushNotificationConfigsRequest, context: ServerCallContext
    ) -> ListTaskPushNotificationConfigsResponse:
        """Return a task's configs, which are few: in one page."""
        self._found(params.task_id, _access(context))
        configs = self._tasks.configs(params.task_id)
        return ListTaskPushNotificationConfigsResponse(
            configs=[to_wire(params.task_id, config) for config in configs]
        )

    @_answers
    async def on_delete_task_push_notification_config(
        self, params: DeleteTaskPushNotificationConfigRequest, context: ServerCallContext
    ) -> None:
        """Forget a config; one that is not there is forgotten."""
        found = self._found(params.task_id, _access(context))
        config = self._tasks.find_config(params.task_id, params.id)
        if config is not None:
            gone = PushConfig(config_id=config.config_id, url="", gone=True)
            self._tasks.put_config(found.task, gone)

    async def on_message_send_stream(
        self,
        params: SendMessageRequest,  # noqa: ARG002
        context: ServerCallContext,  # noqa: ARG002
    ) -> AsyncGenerator[Event]:
        """Refuse: behind API Gateway nothing streams, and the card says so."""
        raise UnsupportedOperationError("this agent does not stream")
        yield

    async def on_subscribe_to_task(
        self,
        params: SubscribeToTaskRequest,  # noqa: ARG002
        context: ServerCallContext,  # noqa: ARG002
    ) -> AsyncGenerator[Event]:
        """Refuse: behind API Gateway nothing streams, and the card says so."""
        raise UnsupportedOperationError("this agent does not stream")
        yield

    async def on_get_extended_agent_card(
        self,
        params: GetExtendedAgentCardRequest,  # noqa: ARG002
        context: ServerCallContext,  # noqa: ARG002
    ) -> AgentCard:
        """Refuse: there is no more to tell than the public card does."""
        raise UnsupportedOperationError("this agent has no extended card")

    def _found(self, task_id: str, access: Access) -> FoundTask:
        found = self._tasks.find_owned(task_id, self._domain, access)
        if found is None:
            # Another caller's task, too: that it exists is nobody else's business.
            raise TaskNotFoundError
        return found


def _access(context: ServerCallContext) -> Access:
    access = context.state.get(ACCESS)
    assert isinstance(access, Access), "requests are authenticated before they get here"
    return access


def _task(stored: StoredTask) -> Task:
    task: Task = ParseDict(task_json(stored), Task())
    return task
