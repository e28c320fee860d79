# syntax=docker/dockerfile:1
# One image; the command chooses what it runs: serve, migrate, sandbox, ...

FROM python:3.13-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/venv
COPY requirements.lock /build/
RUN /opt/venv/bin/pip install --require-hashes -r /build/requirements.lock
COPY pyproject.toml README.md LICENSE /build/
COPY service /build/service
COPY migrations /build/migrations
RUN python -m pip wheel --no-deps --wheel-dir /build/dist /build \
    && /opt/venv/bin/pip install --no-deps /build/dist/*.whl

FROM python:3.13-slim
RUN useradd --system --uid 10001 --no-create-home order-tracking
COPY --from=build /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 ORDER_TRACKING_HTTP_HOST=0.0.0.0
USER order-tracking
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s CMD \
    ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8080/livez', timeout=2)"]
ENTRYPOINT ["order-tracking"]
CMD ["serve"]
