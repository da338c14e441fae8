"""What a domain's agent is, and the work that others hand it."""

from typing import Annotated, Any, Literal

import msgspec

from redress.models.base import Identifier, Instant, Model
from redress.models.case import SupportCase
from redress.models.investigation import DomainName, DomainReport

Question = Annotated[str, msgspec.Meta(min_length=1, max_length=4_000)]
"""What one agent asks another: untrusted text, data only."""

TaskState = Literal["submitted", "working", "completed", "failed", "canceled"]
"""A2A's states of a task, as far as tasks of ours get into them."""

ENDED: frozenset[TaskState] = frozenset({"completed", "failed", "canceled"})


class AgentSkill(Model, frozen=True, kw_only=True):
    """One thing that an agent can do, as its card tells others."""

    id: Identifier
    name: str
    description: str
    tags: tuple[str, ...]
    examples: tuple[str, ...]


class AgentDefinition(Model, frozen=True, kw_only=True):
    """A domain's agent: data only. `prompt` is its system prompt; the rest is on its card."""

    domain: DomainName
    name: str
    version: str
    description: str
    prompt: str
    skills: tuple[AgentSkill, ...]


class AgentQuestion(Model, frozen=True, kw_only=True):
    """The data part of a message to an agent.

    `case` is a `SupportCase` without `grant_id`: the agent's own grant comes from the token.
    """

    case: dict[str, Any]
    question: Question


class AgentTask(Model, frozen=True, kw_only=True):
    """Input of the machine run_task: the work of one A2A task, under a grant of its own."""

    task_id: Identifier
    domain: DomainName
    grant_id: Identifier
    case: SupportCase
    question: Question


class TaskEnded(Model, frozen=True, kw_only=True):
    """Input of RecordTask: what came of a task. Neither `report` nor `failure`: it failed."""

    task_id: Identifier
    report: DomainReport | None = None
    failure: dict[str, Any] | None = None


class StoredTask(Model, frozen=True, kw_only=True):
    """A task as the store keeps it.

    `message` is the A2A message that made it, as JSON, and `content_sha256` the hash of what it
    says: the same message id with other content is a mistake of its sender.
    """

    work: AgentTask
    subject: Identifier
    context_id: str
    message: dict[str, Any]
    content_sha256: str
    state: TaskState
    created_at: Instant
    updated_at: Instant
    report: DomainReport | None = None
    failure: str | None = None
