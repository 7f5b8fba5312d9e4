"""What a server can be watched by: counters of its own, and the families that Prometheus reads."""

from replay_server.metrics.request_counts import RequestCounts
from replay_server.metrics.server_metrics import ServerMetrics

__all__ = ["RequestCounts", "ServerMetrics"]
