# The agent: replay_wire and agent_client with torch, without the server and what it needs.
#
#   docker build -f docker/agent.Dockerfile -t replay-agent .
#   docker run --rm replay-agent train --env CartPole-v1 --server http://HOST:8000
#
# TORCH_INDEX_URL names a package index to take torch from. Unset, torch comes from where pip gets
# everything else; on Linux that is the build for CUDA, of several GB.

FROM python:3.11-slim AS requirements
WORKDIR /build
COPY pyproject.toml docker/requirements.py ./
RUN python requirements.py agent --without \
        fastapi fastapi-offline httptools numba plotly prometheus-client \
        python-json-logger uvicorn uvloop zstandard \
        > requirements.txt

FROM python:3.11-slim AS builder
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
ARG TORCH_INDEX_URL
WORKDIR /build
RUN python -m venv --without-pip /opt/replay
# A layer of its own, built anew when the requirements change and not with every change of code.
COPY --from=requirements /build/requirements.txt ./
COPY constraints.txt ./
RUN pip --python /opt/replay/bin/python install -r requirements.txt -c constraints.txt \
        ${TORCH_INDEX_URL:+--extra-index-url "$TORCH_INDEX_URL"} \
    && find /opt/replay/lib -type d -name tests -prune -exec rm -r {} +
COPY pyproject.toml README.md LICENSE ./
COPY replay_wire replay_wire
COPY agent_client agent_client
RUN pip --python /opt/replay/bin/python install --no-deps . \
    && rm /opt/replay/bin/replay-server

FROM python:3.11-slim
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /tmp \
        --shell /usr/sbin/nologin replay \
    && install --directory --owner=replay --group=replay /results
COPY --from=builder /opt/replay /opt/replay
ENV PATH=/opt/replay/bin:$PATH \
    PYTHONUNBUFFERED=1
# Leaves bytecode of the standard library, which this base comes without.
RUN python -I -c 'import agent_client.runs.training_run, matplotlib.pyplot'
ENV PYTHONDONTWRITEBYTECODE=1 \
    MPLCONFIGDIR=/tmp/matplotlib
USER 10001:10001
WORKDIR /results
VOLUME /results
STOPSIGNAL SIGTERM
ENTRYPOINT ["agent-client"]
CMD ["--help"]
