# The images of InfraForge, one target each:
#
#     docker build --target bootstrap .        (application, platform)
#
# `bootstrap` also holds the dead-letter consumer, the setup Job and the helm test: they start with a command of their
# own. --build-arg BASE_IMAGE=… builds on a mirror's copy of the base, or on a newer one.

ARG BASE_IMAGE=docker.io/library/debian:trixie-20260803-slim@sha256:3a39a0592364683e6bab97937b72cad5a8fa6dcbbee90edb3bb48c7f8e94f258

# Debian's own interpreter and git: one distributor whose security updates matter, for amd64 and arm64 alike.
FROM ${BASE_IMAGE} AS base
# hadolint ignore=DL3008 # a version that Debian replaced is gone from its mirrors; the base image is what is pinned
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates git python3 \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/* /var/log/apt /var/log/dpkg.log \
 && groupadd --gid 65532 infraforge \
 && useradd --uid 65532 --gid 65532 --no-log-init --no-create-home --home-dir /tmp --shell /usr/sbin/nologin infraforge

# The locked production dependencies. pip, uv and all that they write stay behind in this stage.
FROM base AS dependencies
WORKDIR /src
# hadolint ignore=DL3008 # as above
RUN apt-get update && apt-get install --yes --no-install-recommends python3-venv && rm -rf /var/lib/apt/lists/*
COPY .ci/uv.txt ./
RUN python3 -m venv /opt/uv && /opt/uv/bin/pip install --no-cache-dir --require-hashes --requirement uv.txt
COPY pyproject.toml uv.lock ./
ENV UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_NO_CACHE=1 \
    UV_PROJECT_ENVIRONMENT=/opt/infraforge \
    UV_PYTHON=/usr/bin/python3 \
    UV_PYTHON_DOWNLOADS=never
# Helm's engine comes as three copies of one library of 85 MB; the loader opens one of them, and that one stays. The
# Kubernetes client comes a second time for asyncio, 64 MB that nothing here imports.
RUN /opt/uv/bin/uv sync --frozen --no-build --no-dev --extra render --extra traces --no-editable --no-install-project \
 && /opt/infraforge/bin/python -c 'import helm_python; kept = helm_python.library_path; \
    [one.unlink() for one in kept.parent.glob("libhelm_c.*") if one.name != kept.name]' \
 && rm -r /opt/infraforge/lib/python3.*/site-packages/kubernetes/aio

# Our own code, compiled: a container whose root is read-only cannot do that later. What it imports is all there, or
# the build ends here.
FROM dependencies AS code
WORKDIR /app
COPY LICENSE ./
COPY charts charts
COPY platform-charts platform-charts
COPY shared shared
COPY functions functions
RUN /opt/infraforge/bin/python -m compileall -q --invalidation-mode unchecked-hash functions shared \
 && PYTHONPATH=/app PYTHONDONTWRITEBYTECODE=1 /opt/infraforge/bin/python -c 'import helm_python, \
    functions.application.main, functions.bootstrap.main, functions.deadletters.main, functions.platform.main'

FROM base AS runtime
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="InfraForge" \
      org.opencontainers.image.description="A small YAML claim becomes a deployed application, through Git." \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
ENV PATH=/opt/infraforge/bin:/usr/local/bin:/usr/bin:/bin \
    HOME=/tmp \
    LANG=C.UTF-8 \
    GIT_CONFIG_GLOBAL=/dev/null \
    GIT_CONFIG_NOSYSTEM=1 \
    PORT=8080 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONPATH=/app \
    PYTHONUNBUFFERED=1
COPY --from=dependencies /opt/infraforge /opt/infraforge
WORKDIR /app
COPY --from=code /app/LICENSE ./
COPY --from=code /app/charts charts
COPY --from=code /app/platform-charts platform-charts
COPY --from=code /app/shared shared
COPY --from=code /app/functions/__init__.py functions/
EXPOSE 8080
USER 65532:65532

FROM runtime AS bootstrap
COPY --from=code /app/functions/bootstrap functions/bootstrap
COPY --from=code /app/functions/deadletters functions/deadletters
ENTRYPOINT ["functions-framework", "--source", "functions/bootstrap/main.py", "--target", "bootstrap", "--signature-type", "http"]

FROM runtime AS application
COPY --from=code /app/functions/application functions/application
ENTRYPOINT ["functions-framework", "--source", "functions/application/main.py", "--target", "application", "--signature-type", "http"]

FROM runtime AS platform
COPY --from=code /app/functions/platform functions/platform
ENTRYPOINT ["functions-framework", "--source", "functions/platform/main.py", "--target", "platform", "--signature-type", "http"]
