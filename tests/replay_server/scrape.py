"""What a server tells Prometheus, read by the library's own parser."""

from collections.abc import Sequence
from typing import Self

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from tests.contract.peer import Peer


class Scrape:
    """The samples of one `GET /metrics`."""

    def __init__(self, families: Sequence[Metric]) -> None:
        self._samples = [sample for family in families for sample in family.samples]

    @classmethod
    def of(cls, peer: Peer, **headers: str) -> Self:
        answer = peer.get("/metrics", **headers)
        assert answer.status == 200
        return cls(list(text_string_to_metric_families(answer.body.decode())))

    def samples(self, name: str) -> list[Sample]:
        return [sample for sample in self._samples if sample.name == name]

    def labels(self, name: str) -> list[dict[str, str]]:
        return [sample.labels for sample in self.samples(name)]

    def value(self, name: str, /, **labels: str) -> float:
        """The number under exactly these labels; 0 where there is none, as for a counter."""
        found = [each.value for each in self.samples(name) if each.labels == labels]
        assert len(found) <= 1
        return found[0] if found else 0.0

    def of_table(self, table: str, name: str, /, **labels: str) -> float | None:
        labels = {"table": table, **labels}
        found = [
            each.value for each in self.samples(f"replay_table_{name}") if each.labels == labels
        ]
        assert len(found) <= 1
        return found[0] if found else None

    def tables(self) -> set[str]:
        return {sample.labels["table"] for sample in self._samples if "table" in sample.labels}
