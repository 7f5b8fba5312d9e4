"""One message of every type, with every field that it can have: what the vectors are made of."""

import msgspec
import numpy as np

from replay_wire import messages
from replay_wire.arrays import Array
from replay_wire.specs import Column, TableSpec, TransitionItems, UniformSampler


def wired(dtype: str, *elements: float) -> Array:
    return Array.from_numpy(np.array(elements, dtype))


KEYS = wired("<i8", 7, 8)
PRIORITIES = wired("<f8", 0.5, 2.0)
UPDATE = messages.PriorityUpdate(keys=KEYS, priorities=PRIORITIES)
SPEC = TableSpec(
    capacity=8,
    columns={"observation/camera": Column("|u1", (2, 3)), "reward": Column("<f4", ())},
    items=TransitionItems(n_step=3, frame_stack=2),
    sampler=UniformSampler(beta=0.0),
    seed=1,
)
STATS = messages.TableStats(
    size=1,
    rows=2,
    inserted_total=3,
    sampled_total=4,
    updated_total=5,
    stale_total=6,
    deleted_total=7,
    bytes=8,
    max_priority=1.5,
    priority_sum=2.5,
    samples_per_insert=1.25,
    sample_age={"0.5": None, "0.9": 2.0, "0.99": 3.0},
)
DOCUMENT = messages.TableDocument(name="main", spec={"capacity": 8}, stats=STATS)
CHECKPOINT = messages.CheckpointReply(name="monday", tables=1, rows=2, bytes=300)
PARAMETERS = messages.ParametersEntry(name="policy", version=3, bytes=300)
LIMITS = messages.Limits(
    **{
        name: number + 0.5 if name.endswith("seconds") else number
        for number, name in enumerate(messages.Limits.__struct_fields__, 1)
    }
)
SAMPLE_REPLY = messages.SampleReply(
    keys=KEYS,
    probabilities=wired("<f8", 0.25, 0.75),
    weights=wired("<f4", 1.0, 0.5),
    priorities=PRIORITIES,
    times_sampled=wired("<i4", 1, 2),
    ages=wired("<i8", 1, 0),
    columns={"action": wired("<i4", 3, 4)},
    size=2,
    updated=1,
    stale=0,
)
MESSAGES: list[msgspec.Struct] = [
    messages.WriterStamp(id="actor-7", sequence=12),
    messages.InsertRequest(
        columns={"reward": wired("<f4", 1.0, -1.0), "done": wired("|b1", False, True)},
        priorities=PRIORITIES,
        writer=messages.WriterStamp(id="actor-7", sequence=12),
        streams=wired("<i8", 0, 1),
        timeout=5.0,
    ),
    messages.InsertReply(keys=KEYS, duplicate=False),
    UPDATE,
    messages.UpdateReply(updated=1, stale=2),
    messages.SampleRequest(
        batch_size=256,
        batches=2,
        beta=0.4,
        normalize="table",
        columns=["action"],
        layout="indexed",
        update=UPDATE,
        timeout=5.0,
    ),
    SAMPLE_REPLY,
    messages.SamplePart(table="fresh", batch_size=128, layout="indexed"),
    messages.MixedSampleRequest(
        parts=[
            messages.SamplePart(table="fresh", batch_size=128),
            messages.SamplePart(table="old", batch_size=64, beta=0.5, update=UPDATE, timeout=5.0),
        ]
    ),
    messages.MixedSampleReply(parts=[SAMPLE_REPLY]),
    messages.DeleteRequest(keys=KEYS),
    messages.DeleteReply(deleted=1, stale=1),
    messages.ScanRequest(after=7, limit=2, columns=["action"], order="priority"),
    messages.ScanReply(
        keys=KEYS, priorities=PRIORITIES, columns={"action": wired("<i4", 3, 4)}, more=True
    ),
    messages.TableChange(
        sampler={"beta": 0.5},
        rate_limiter={"kind": "queue", "size": 3},
        max_times_sampled=2,
    ),
    STATS,
    DOCUMENT,
    messages.TableList(tables=[DOCUMENT]),
    messages.ParametersVersion(version=3),
    PARAMETERS,
    messages.ParametersList(parameters=[PARAMETERS]),
    messages.EmptyReply(),
    messages.CheckpointRequest(name="monday"),
    CHECKPOINT,
    messages.CheckpointList(checkpoints=[CHECKPOINT]),
    messages.HealthReply(status="ok"),
    LIMITS,
    messages.ShardEntry(number=3, url="http://10.0.0.7:8000", state="serving"),
    messages.InfoReply(version="0.1.0", protocol=1, limits=LIMITS),
    messages.Problem("urn:x", "Bad", 422, "it is bad", "invalid_request", {"field": "keys"}),
    SPEC,
]
BY_NAME = {type(message).__name__: message for message in MESSAGES}
