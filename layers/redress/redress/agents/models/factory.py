"""Makes language models from a short specification, importing only what that model needs."""

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from redress.errors import InvalidInputError

if TYPE_CHECKING:
    from strands.models.model import Model

SPECIFICATIONS = (
    "playbook, bedrock:<model id>, openai:<model>@<base url>, recorded:<folder>, "
    "record:<folder>:<specification>"
)


def model_factory(spec: str) -> "Callable[[], Model]":
    """Return what makes the model that `spec` names.

    The model is made on the first call and shared: models keep no conversation.

    Args:
        spec: `playbook`; `bedrock:<model id>`; `openai:<model>@<base url>` for any server that
            speaks chat completions (its key in REDRESS_OPENAI_API_KEY); `recorded:<folder>` to
            replay; `record:<folder>:<specification>` to record another model.

    Raises:
        InvalidInputError: no such kind of model, or a part is missing.
    """
    return cache(_parse(spec))


def _parse(spec: str) -> "Callable[[], Model]":
    kind, _, rest = spec.partition(":")
    if kind == "playbook" and not rest:
        return _playbook
    if kind == "bedrock" and rest:
        return lambda: _bedrock(rest)
    if kind == "openai":
        # The base url may hold "@" and a model name may not.
        name, _, base_url = rest.partition("@")
        if name and base_url.startswith(("http://", "https://")):
            return lambda: _openai(name, base_url)
    if kind == "recorded" and rest:
        return lambda: _recorded(rest)
    if kind == "record":
        folder, _, inner = rest.partition(":")
        if folder and inner and not inner.startswith("record"):
            make = _parse(inner)
            return lambda: _recorder(folder, inner, make())
    raise InvalidInputError(f"no model is called {spec!r}; use one of: {SPECIFICATIONS}")


def _playbook() -> "Model":
    from redress.agents.models.playbook.model import PlaybookModel

    return PlaybookModel()


def _bedrock(model_id: str) -> "Model":
    from redress.agents.models.bedrock import bedrock_model

    return bedrock_model(model_id)


def _openai(name: str, base_url: str) -> "Model":
    from redress.agents.models.openai import openai_model
    from redress.config import read_config

    return openai_model(name, base_url, read_config().openai_api_key)


def _recorded(folder: str) -> "Model":
    from redress.agents.models.cassettes import RecordedModel

    return RecordedModel(folder)


def _recorder(folder: str, inner_spec: str, inner: "Model") -> "Model":
    from redress.agents.models.cassettes import RecordingModel

    return RecordingModel(folder, inner_spec, inner)
