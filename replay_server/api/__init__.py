"""The server's HTTP side: FastAPI routes around `replay_server.service`.

`app.create_app` builds it. The way of a request: `protocol.ProtocolMiddleware` (one header),
FastAPI's router, `routes.WireRoute` (body to message, message to answer, errors to problems), and
the endpoint in `items` or `tables`, which calls the service.
"""
