import copy
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from redress.agents.decider import Decider, conclude_investigation
from redress.agents.models.factory import model_factory
from redress.agents.strands_economy import FixedTools, QuietTracer
from strands.telemetry import tracer as strands_tracer
from strands.tools.registry import ToolRegistry


def test_the_specs_are_those_that_strands_would_send(example: Any) -> None:
    tools = [Decider(example.request).conclude]
    plain = ToolRegistry()
    plain.process_tools(tools)
    fixed = FixedTools(tools)

    assert fixed.get_all_tool_specs() == plain.get_all_tool_specs()
    assert fixed.get_all_tools_config() == plain.get_all_tools_config()
    assert copy.deepcopy(fixed.get_all_tool_specs()) is fixed.get_all_tool_specs()


def test_strands_takes_the_quiet_tracer(example: Any) -> None:
    conclude_investigation(example.request, model_factory("playbook"))

    assert isinstance(strands_tracer.get_tracer(), QuietTracer)


def test_recorded_spans_hold_no_words_of_customers(
    example: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    monkeypatch.setattr(strands_tracer, "_tracer_instance", QuietTracer())

    conclude_investigation(example.request, model_factory("playbook"))

    spans = exporter.get_finished_spans()
    assert len(spans) >= 4
    written = "".join(span.to_json() for span in spans)
    assert "charged twice" not in written
    assert "refund-policy" not in written
