"""A2A tasks and their push notification configs, as the store keeps them.

A task's id is derived from its owner and the id of the message that made it: so one conditional
put makes the task, and the same message finds it again, whoever died in between.
"""

import hashlib
from datetime import timedelta

import msgspec

from redress.errors import ConflictError
from redress.models.agents import ENDED, StoredTask, TaskState
from redress.models.base import Identifier, Model, dump_json, parse_json
from redress.models.identity import Access
from redress.models.investigation import DomainName, DomainReport
from redress.ports import Clock, Repository, Write

TASK_LIFE = timedelta(days=7)
"""How long a task can be asked for."""
MAX_PUSH_CONFIGS = 5
"""Push notification configs of one task."""

_TASK, _PUSH, _TOLD = "task", "push#", "told#"


class PushConfig(Model, frozen=True, kw_only=True):
    """Where a task's owner wants to be told how the task ends; `gone` once it is deleted."""

    config_id: Identifier
    url: str
    token: str = ""
    scheme: str = ""
    credentials: str = ""
    gone: bool = False


class FoundTask(msgspec.Struct, frozen=True):
    """A task and its version."""

    task: StoredTask
    version: int

    @property
    def is_over(self) -> bool:
        """Whether nothing will change any more."""
        return self.task.state in ENDED


def task_id_of(domain: DomainName, access: Access, message_id: str) -> str:
    """Return the id of the task that a message makes: its owner's, and nobody else's."""
    owner = "\n".join((domain, access.subject, access.case_id, message_id))
    return f"task-{hashlib.sha256(owner.encode()).hexdigest()[:40]}"


class TaskStore:
    """The tasks of all domains in one table."""

    def __init__(self, records: Repository, clock: Clock) -> None:
        self._records = records
        self._clock = clock

    def find(self, task_id: str) -> FoundTask | None:
        """Read a task, whoever owns it."""
        found = self._records.get(_task_key(task_id), _TASK)
        return FoundTask(parse_json(StoredTask, found.document), found.version) if found else None

    def find_owned(self, task_id: str, domain: DomainName, access: Access) -> FoundTask | None:
        """Read a task of this domain that the caller owns."""
        found = self.find(task_id)
        if found is None or _owner_index(found.task) != _caller_index(domain, access):
            return None
        return found

    def of_caller(self, domain: DomainName, access: Access) -> list[StoredTask]:
        """Read the caller's tasks about the case of the token, the latest first.

        A task shows up here a moment after it was made.
        """
        found = self._records.by_index(_caller_index(domain, access))
        tasks = [parse_json(StoredTask, record.document) for record in found]
        return sorted(tasks, key=lambda t: (t.updated_at, t.work.task_id), reverse=True)

    def add(self, task: StoredTask, configs: tuple[PushConfig, ...] = ()) -> FoundTask:
        """Store a new task, with its push notification configs.

        Raises:
            ConflictError: there is one of this id.
            DependencyUnavailableError: the store did not answer.
        """
        pushes = [self._put_config(task, config, 0) for config in configs]
        self._records.commit([self._put(task, 0), *pushes])
        return FoundTask(task, 1)

    def move(self, found: FoundTask, state: TaskState) -> FoundTask:
        """Put a task that is not over into another state.

        Raises:
            ConflictError: somebody else changed it meanwhile.
            DependencyUnavailableError: the store did not answer.
        """
        return self._change(found, msgspec.structs.replace(found.task, state=state))

    def end(
        self, task_id: str, *, report: DomainReport | None = None, failure: str | None = None
    ) -> StoredTask | None:
        """Complete a task with its report, or let it fail; a task that is over stays as it is.

        Returns:
            The task as it is now; None if there is none (any more).

        Raises:
            DependencyUnavailableError: the store did not answer.
        """
        state: TaskState = "completed" if report is not None else "failed"
        while True:
            found = self.find(task_id)
            if found is None or found.is_over:
                return found.task if found else None
            ended = msgspec.structs.replace(found.task, state=state, report=report, failure=failure)
            try:
                return self._change(found, ended).task
            except ConflictError:
                # Somebody moved or canceled it just now: each writer does so once, so this ends.
                continue

    def configs(self, task_id: str) -> list[PushConfig]:
        """Read where a task's owner wants to be told."""
        found = self._records.query(_task_key(task_id), _PUSH)
        configs = [parse_json(PushConfig, record.document) for record in found]
        return [config for config in configs if not config.gone]

    def find_config(self, task_id: str, config_id: str) -> PushConfig | None:
        """Read one push notification config."""
        found = self._records.get(_task_key(task_id), _PUSH + config_id)
        config = parse_json(PushConfig, found.document) if found else None
        return None if config is None or config.gone else config

    def put_config(self, task: StoredTask, config: PushConfig) -> None:
        """Store a push notification config, or replace the one of its id.

        Raises:
            ConflictError: somebody else wrote it just now.
            DependencyUnavailableError: the store did not answer.
        """
        found = self._records.get(_task_key(task.work.task_id), _PUSH + config.config_id)
        self._records.commit([self._put_config(task, config, found.version if found else 0)])

    def note_told(self, task: StoredTask, config_id: str) -> None:
        """Note that a config's owner knows the task's state."""
        try:
            self._records.commit([self._put_told(task, config_id)])
        except ConflictError:
            # Another run of RecordTask told it as well: it is told.
            return

    def was_told(self, task: StoredTask, config_id: str) -> bool:
        """Whether a config's owner knows the task's state."""
        key = _task_key(task.work.task_id)
        return self._records.get(key, _told_sort(task, config_id)) is not None

    def _change(self, found: FoundTask, task: StoredTask) -> FoundTask:
        task = msgspec.structs.replace(task, updated_at=self._clock.now())
        self._records.commit([self._put(task, found.version)])
        return FoundTask(task, found.version + 1)

    def _put(self, task: StoredTask, version: int) -> Write:
        return Write(
            partition=_task_key(task.work.task_id),
            sort=_TASK,
            document=dump_json(task),
            expected_version=version,
            index=_owner_index(task),
            expires_at=_forgotten_at(task),
        )

    def _put_config(self, task: StoredTask, config: PushConfig, version: int) -> Write:
        return Write(
            partition=_task_key(task.work.task_id),
            sort=_PUSH + config.config_id,
            document=dump_json(config),
            expected_version=version,
            expires_at=_forgotten_at(task),
        )

    def _put_told(self, task: StoredTask, config_id: str) -> Write:
        return Write(
            partition=_task_key(task.work.task_id),
            sort=_told_sort(task, config_id),
            document=b"{}",
            expected_version=0,
            expires_at=_forgotten_at(task),
        )


def _forgotten_at(task: StoredTask) -> int:
    return int((task.created_at + TASK_LIFE).timestamp())


def _told_sort(task: StoredTask, config_id: str) -> str:
    return f"{_TOLD}{config_id}#{task.state}"


def _task_key(task_id: str) -> str:
    return f"task#{task_id}"


def _owner_index(task: StoredTask) -> str:
    return _index(task.work.domain, task.subject, task.work.case.case_id)


def _caller_index(domain: DomainName, access: Access) -> str:
    return _index(domain, access.subject, access.case_id)


def _index(domain: DomainName, subject: str, case_id: str) -> str:
    return f"tasks#{domain}#{subject}#{case_id}"
