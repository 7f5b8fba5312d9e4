"""What a learner publishes: weights as a safetensors file, and whose they are in its header.

Any program can read it as a safetensors file. The header's metadata (a map of texts) tells actors
what they need to act with it: the network's hyper-parameters, and whether the run is over.
"""

import dataclasses
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from agent_client.run_errors import ForeignWeightsError

__all__ = ["RunNews", "decode_weights", "encode_weights"]

_LENGTH: Final = struct.Struct("<Q")


@dataclass(frozen=True, slots=True)
class RunNews:
    """What a learner says of its run beside the weights.

    Attributes:
        algorithm: what learns.
        hyperparameters: all of them, as JSON has them.
        steps: rows that the run's actors had inserted.
        learner_steps: gradient steps done.
        is_over: whether no more weights will come.
        outcome: how it ended, in a few words for people; "" while it goes on.
    """

    algorithm: str
    hyperparameters: Mapping[str, Any]
    steps: int
    learner_steps: int
    is_over: bool = False
    outcome: str = ""

    def to_metadata(self) -> dict[str, str]:
        """Return the fields as safetensors takes them."""
        return {name: json.dumps(value) for name, value in dataclasses.asdict(self).items()}

    def is_same_agent(self, other: "RunNews") -> bool:
        """Return whether weights of one fit a network of the other."""
        return (self.algorithm, self.hyperparameters) == (other.algorithm, other.hyperparameters)

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> Self:
        """Return what `to_metadata` was given.

        Raises:
            KeyError, ValueError: it was given something else.
        """
        names = [field.name for field in dataclasses.fields(cls)]
        return cls(**{name: json.loads(metadata[name]) for name in names})


def encode_weights(news: RunNews, weights: Mapping[str, Tensor]) -> bytes:
    """Return the bytes to publish.

    Args:
        news: goes to the header.
        weights: by name; not changed.
    """
    return safetensors.torch.save(dict(weights), metadata=news.to_metadata())


def decode_weights(name: str, content: bytes) -> tuple[RunNews, dict[str, Tensor]]:
    """Return what `encode_weights` was given.

    Args:
        name: of the parameters, for the error.
        content: their bytes.

    Raises:
        ForeignWeightsError: they are nothing that a learner of this version has published.
    """
    try:
        tensors = safetensors.torch.load(content)
        (length,) = _LENGTH.unpack_from(content)
        header = json.loads(content[_LENGTH.size : _LENGTH.size + length])
        return RunNews.from_metadata(header["__metadata__"]), tensors
    except (SafetensorError, struct.error, ValueError, KeyError, TypeError) as error:
        raise ForeignWeightsError(name, str(error) or type(error).__name__) from error
