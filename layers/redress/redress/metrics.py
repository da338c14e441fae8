"""What investigations cost, as CloudWatch metrics in the embedded metric format."""

from redress.models.investigation import Investigation

SERVICE = "redress"


def record_usage(investigation: Investigation, namespace: str) -> Investigation:
    """Write one line of metrics with what an investigation's models used; return it as it is.

    Args:
        investigation: Its usage holds calls, tokens and the cost in millionths of a US dollar.
        namespace: The CloudWatch namespace; empty writes nothing.
    """
    if not namespace:
        return investigation
    # Imported where it is used: agent functions load far heavier things, the others nothing.
    from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

    usage = investigation.usage
    metrics = EphemeralMetrics(namespace=namespace, service=SERVICE)
    metrics.add_dimension(name="pattern", value=investigation.pattern)
    metrics.add_dimension(name="model", value=investigation.model)
    metrics.add_metric(name="ModelCalls", unit=MetricUnit.Count, value=usage.model_calls)
    metrics.add_metric(name="InputTokens", unit=MetricUnit.Count, value=usage.input_tokens)
    metrics.add_metric(name="OutputTokens", unit=MetricUnit.Count, value=usage.output_tokens)
    metrics.add_metric(name="ToolCalls", unit=MetricUnit.Count, value=usage.tool_calls)
    metrics.add_metric(name="CostUsdMicros", unit=MetricUnit.Count, value=usage.cost_usd_micros)
    metrics.add_metric(
        name="Inconclusive", unit=MetricUnit.Count, value=int(not investigation.conclusive)
    )
    metrics.add_metadata(key="case_id", value=investigation.case_id)
    metrics.flush_metrics()
    return investigation
