"""What Prometheus reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from prometheus_client import (
    CollectorRegistry,
    Counter,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from .jobs import JobRow, State

__all__ = ["Metrics"]

_METHODS = ("GET", "POST", "DELETE", "HEAD", "OPTIONS")
_SECONDS = (5, 15, 30, 60, 120, 300, 900, 1800, 3600, 7200, 14400, 43200)


class Metrics:
    """Counts of one service, each in a registry of its own.

    Args:
        counts: returns how many jobs there are in each state.
    """

    def __init__(self, counts: Callable[[], Mapping[str, int]]) -> None:
        self._registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self._registry)
        self._registry.register(_JobCounts(counts))
        self.submissions = Counter("lyra_submissions", "Requests for scenes.", ["answer"], registry=self._registry)
        self.upload_bytes = Counter("lyra_upload_bytes", "Bytes of uploads that were kept.", registry=self._registry)
        self._answers = Counter(
            "lyra_http_answers", "Answers by route and status.", ["method", "route", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "lyra_job_seconds",
            "From the last start of a job to its end.",
            ["state"],
            buckets=_SECONDS,
            registry=self._registry,
        )

    def count_answer(self, method: str, route: str, status: int) -> None:
        """Count an answer; methods that clients make up are one."""
        self._answers.labels(method if method in _METHODS else "other", route, str(status)).inc()

    def settled(self, row: JobRow, state: State, seconds: float) -> None:
        """Count a job that has ended."""
        self._seconds.labels(state.value).observe(seconds)

    def text(self) -> bytes:
        return generate_latest(self._registry)


class _JobCounts(Collector):
    """Read when asked for, so that they are never wrong."""

    def __init__(self, counts: Callable[[], Mapping[str, int]]) -> None:
        self._counts = counts

    def collect(self) -> Iterable[Metric]:
        family = GaugeMetricFamily("lyra_jobs", "Jobs in each state.", labels=["state"])
        for state, count in self._counts().items():
            family.add_metric([state], count)
        yield family

    def describe(self) -> Iterable[Metric]:
        return ()
