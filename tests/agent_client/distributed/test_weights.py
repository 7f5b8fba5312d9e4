"""The bytes that a learner publishes."""

import dataclasses
import json

import pytest
import safetensors.torch
import torch

from agent_client.distributed.weights import RunNews, decode_weights, encode_weights
from agent_client.run_errors import ForeignWeightsError

NEWS = RunNews("dqn", {"n_step": 3, "hidden_units": [8, 8]}, steps=7, learner_steps=5)
WEIGHTS = {"layer.weight": torch.arange(6.0).reshape(2, 3), "layer.bias": torch.ones(2)}


def test_weights_and_news_come_back_as_they_were() -> None:
    news = dataclasses.replace(NEWS, is_over=True, outcome="solved at step 7")

    found, weights = decode_weights("run", encode_weights(news, WEIGHTS))

    assert found == news
    assert {name: tensor.tolist() for name, tensor in weights.items()} == {
        name: tensor.tolist() for name, tensor in WEIGHTS.items()
    }


def test_any_reader_of_safetensors_can_read_them() -> None:
    assert set(safetensors.torch.load(encode_weights(NEWS, WEIGHTS))) == set(WEIGHTS)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\xff" * 64, id="no_safetensors"),
        pytest.param(safetensors.torch.save(WEIGHTS), id="no_metadata"),
        pytest.param(safetensors.torch.save(WEIGHTS, {"steps": "7"}), id="others_metadata"),
        pytest.param(
            safetensors.torch.save(WEIGHTS, {**NEWS.to_metadata(), "steps": "{"}), id="no_json"
        ),
    ],
)
def test_what_is_no_learners_is_refused_with_the_name(content: bytes) -> None:
    with pytest.raises(ForeignWeightsError) as caught:
        decode_weights("someone-elses", content)

    assert caught.value.run == "someone-elses"


def test_only_another_agent_needs_another_network() -> None:
    later = dataclasses.replace(NEWS, steps=8, learner_steps=6)
    larger = dataclasses.replace(NEWS, hyperparameters={"n_step": 3, "hidden_units": [16]})

    assert later.is_same_agent(NEWS)
    assert not larger.is_same_agent(NEWS)


def test_tuples_and_lists_are_the_same_on_both_sides() -> None:
    own = dataclasses.replace(NEWS, hyperparameters={"hidden_units": (8, 8)})

    found, _ = decode_weights("run", encode_weights(own, WEIGHTS))

    assert found.hyperparameters == json.loads(json.dumps(own.hyperparameters))
