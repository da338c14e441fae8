"""Takes out of Strands what costs CPU at every turn and changes nothing: schemas and dead spans.

Half of the time of a short agent run goes into copying and checking tool schemas that never change
and into serialising messages for spans that nobody records.
"""

from collections.abc import Iterable
from typing import Any

from opentelemetry import trace
from opentelemetry.trace import INVALID_SPAN, NoOpTracerProvider, ProxyTracerProvider, Span
from strands.telemetry import tracer as strands_tracer
from strands.tools.registry import ToolRegistry
from strands.types.tools import AgentTool, ToolSpec


class SharedSpecs(list[ToolSpec]):
    """Tool specs that may be shared: who copies them gets the same ones. Nobody may change them."""

    def __deepcopy__(self, memo: dict[int, Any]) -> "SharedSpecs":
        return self


class FixedTools(ToolRegistry):
    """The tools of one agent, checked once; none is added or replaced later."""

    def __init__(self, tools: Iterable[AgentTool]) -> None:
        super().__init__()
        self.process_tools(list(tools))
        self._config = super().get_all_tools_config()
        self._specs = SharedSpecs(self._config.values())

    def get_all_tools_config(self) -> dict[str, Any]:
        """Return the checked specs by tool name."""
        return self._config

    def get_all_tool_specs(self) -> list[ToolSpec]:
        """Return the checked specs."""
        return self._specs


class QuietTracer(strands_tracer.Tracer):
    """Strands' tracer, but for two things.

    Spans that nobody records are not even described. Those that are recorded carry no prompts,
    answers or tool results, unless `gen_ai_unredacted_attributes` in
    OTEL_SEMCONV_STABILITY_OPT_IN names them: customers' words stay out of traces.
    """

    def __init__(self) -> None:
        super().__init__()
        self._redaction_enabled = True

    def start_agent_span(self, *args: Any, **kwargs: Any) -> Span:
        """Start the span of an agent run."""
        return super().start_agent_span(*args, **kwargs) if _recording() else INVALID_SPAN

    def start_event_loop_cycle_span(self, *args: Any, **kwargs: Any) -> Span:
        """Start the span of a turn."""
        if not _recording():
            return INVALID_SPAN
        return super().start_event_loop_cycle_span(*args, **kwargs)

    def start_model_invoke_span(self, *args: Any, **kwargs: Any) -> Span:
        """Start the span of a model call."""
        return super().start_model_invoke_span(*args, **kwargs) if _recording() else INVALID_SPAN

    def start_tool_call_span(self, *args: Any, **kwargs: Any) -> Span:
        """Start the span of a tool call."""
        return super().start_tool_call_span(*args, **kwargs) if _recording() else INVALID_SPAN

    def end_tool_call_span(self, span: Span, *args: Any, **kwargs: Any) -> None:
        """End the span of a tool call."""
        if span.is_recording():
            super().end_tool_call_span(span, *args, **kwargs)

    def end_agent_span(self, span: Span, *args: Any, **kwargs: Any) -> None:
        """End the span of an agent run."""
        if span.is_recording():
            super().end_agent_span(span, *args, **kwargs)


def _recording() -> bool:
    """Tell whether somebody has installed a tracer provider of an SDK."""
    return not isinstance(trace.get_tracer_provider(), NoOpTracerProvider | ProxyTracerProvider)


def quieten_tracing() -> None:
    """Use `QuietTracer` in this process.

    Strands has no setting for it: its one tracer is a variable of its module.
    """
    if not isinstance(strands_tracer._tracer_instance, QuietTracer):
        strands_tracer._tracer_instance = QuietTracer()  # type: ignore[assignment]
