"""The metrics that a test causes, kept in memory."""

from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, NumberDataPoint

_READER = InMemoryMetricReader()

# A process can have only one, as with spans.
metrics.set_meter_provider(MeterProvider(metric_readers=[_READER]))


def value_of(name: str, **labels: str) -> float | None:
    """Return what the metric says now under *labels*, None if it says nothing."""
    data = _READER.get_metrics_data()
    for resource in data.resource_metrics if data else ():
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                for point in metric.data.data_points if metric.name == name else ():
                    if (
                        isinstance(point, NumberDataPoint)
                        and point.attributes == labels
                    ):
                        return point.value
    return None
