"""A trained policy behind HTTP, in forty lines: onnxruntime acts, and neither torch nor an agent.

    agent-client export runs/RUN --format onnx policy.onnx
    python examples/serve_policy.py policy.onnx --port 8080
    curl localhost:8080/action --json '{"observation": [[0.0, 0.1, 0.02, -0.3]]}'

The answer is `{"action": [1]}`: an action for each observation of the batch. Observations of
several parts come by their names. `GET /` tells what the policy takes.
"""

import argparse
from typing import Any

import numpy as np
import onnxruntime
import uvicorn
from fastapi import Body, FastAPI, HTTPException

DTYPES = {"tensor(float)": np.float32, "tensor(uint8)": np.uint8, "tensor(bool)": np.bool_}


def create_app(path: str) -> FastAPI:
    """Return the app of the policy in a file."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    inputs = {each.name: (DTYPES[each.type], each.shape[1:]) for each in session.get_inputs()}
    about = dict(session.get_modelmeta().custom_metadata_map)
    app = FastAPI(title=f"A policy for {about.get('environment', 'some environment')}")

    @app.get("/")
    def tell() -> dict[str, Any]:
        shapes = {name: {"dtype": np.dtype(kind).name, "shape": shape}
                  for name, (kind, shape) in inputs.items()}  # fmt: skip
        return {**about, "inputs": shapes}

    @app.post("/action")
    def act(observations: dict[str, list[Any]] = Body()) -> dict[str, Any]:  # noqa: B008 - FastAPI's way
        if observations.keys() != inputs.keys():
            raise HTTPException(422, f"expected {sorted(inputs)}, got {sorted(observations)}")
        arrays = {}
        for name, (kind, shape) in inputs.items():
            try:
                arrays[name] = np.asarray(observations[name], kind)
            except (ValueError, TypeError, OverflowError) as error:
                raise HTTPException(422, f"{name}: {error}") from error
            if list(arrays[name].shape[1:]) != shape:
                expected = ["batch", *shape]
                raise HTTPException(422, f"{name}: {list(arrays[name].shape)} is not {expected}")
        if len({len(array) for array in arrays.values()}) != 1:
            raise HTTPException(422, "the parts are of batches of several lengths")
        return {"action": session.run(["action"], arrays)[0].tolist()}

    return app


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Serve an exported policy.")
    parser.add_argument("policy", help="file that agent-client export wrote")
    parser.add_argument("--port", type=int, default=8080, help="0 takes a free one")
    arguments = parser.parse_args()
    uvicorn.run(create_app(arguments.policy), port=arguments.port)
