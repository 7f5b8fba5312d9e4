"""The server's HTTP side: FastAPI routes around `replay_server.service`.

`app.create_app` builds it. The way of a request: FastAPI's router, `routes.WireRoute` (body to
message, message to answer, errors to problems), and the endpoint in `items` or `tables`, which
calls the service. The header `x-replay-protocol` is uvicorn's to put on every response, those to
requests that are no HTTP included (`replay_server.server`).
"""
