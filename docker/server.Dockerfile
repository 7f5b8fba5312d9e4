# The replay server: replay_wire and replay_server, no torch, no compiler.
#
#   docker build -f docker/server.Dockerfile -t replay-server .
#   docker run --rm -p 127.0.0.1:8000:8000 replay-server serve --allow-unauthenticated
#
# With Ray, for a cluster (docker/compose.cluster.yml): --build-arg EXTRAS=cluster

FROM python:3.11-slim AS requirements
WORKDIR /build
COPY pyproject.toml docker/requirements.py ./
ARG EXTRAS=
RUN python requirements.py $EXTRAS > requirements.txt

FROM python:3.11-slim AS builder
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
RUN python -m venv --without-pip /opt/replay
# A layer of its own, built anew when the requirements change and not with every change of code.
COPY --from=requirements /build/requirements.txt ./
COPY constraints.txt ./
RUN pip --python /opt/replay/bin/python install -r requirements.txt -c constraints.txt \
    && find /opt/replay/lib -type d -name tests -prune -exec rm -r {} +
COPY pyproject.toml README.md LICENSE ./
COPY replay_wire replay_wire
COPY replay_server replay_server
RUN pip --python /opt/replay/bin/python install --no-deps . \
    && rm /opt/replay/bin/agent-client
COPY docker/healthcheck.py docker/make-tokens.sh docker/start-server.sh docker/start-cluster.sh /opt/replay/bin/

FROM python:3.11-slim
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /nonexistent \
        --shell /usr/sbin/nologin replay \
    && install --directory --owner=replay --group=replay /data \
    && install --directory --owner=replay --group=replay --mode=0700 \
        /tokens/hashes /tokens/agent /tokens/actor /tokens/people \
    && install --directory --owner=replay --group=replay --mode=0750 /tokens/monitoring
COPY --from=builder /opt/replay /opt/replay
# The kernels are compiled for any processor of the architecture: those made for the one that builds
# would be compiled once more on each other one. In a draw the difference is lost in the noise.
ENV PATH=/opt/replay/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    NUMBA_CPU_NAME=generic
# Compiles the kernels, and leaves bytecode of the standard library, which this base comes without.
RUN NUMBA_CACHE_DIR=/opt/replay/kernels python -I -c 'import replay_server.api.app, replay_server.server'
ENV PYTHONDONTWRITEBYTECODE=1 \
    NUMBA_CACHE_DIR=/dev/shm/kernels \
    REPLAY_SERVER_HOST=0.0.0.0
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-IS", "/opt/replay/bin/healthcheck.py"]
ENTRYPOINT ["sh", "/opt/replay/bin/start-server.sh"]
CMD ["serve"]
