"""Calls getChatMember over and over and prints the CPU time of one in microseconds.

`python -m bot.utils.benchmarks.calling URL CALLS IN_FLIGHT`
"""

import asyncio
import sys
import time

import uvloop

from bot.core.telegram.bots import make_bot
from bot.core.telegram.transport import SharedPool
from bot.domain.secret import Secret

_TOKEN = "1:caller"  # noqa: S105 - opens nothing
_WARM_UP = 100


async def main(url: str, calls: int, in_flight: int) -> float:
    """Return microseconds of CPU time per call."""
    pool = SharedPool(observe=lambda *_: None, monotonic=time.perf_counter)
    await pool.open()
    bot = make_bot(Secret(_TOKEN), api_url=url, pool=pool)

    async def work(count: int) -> None:
        for _ in range(count):
            await bot.get_chat_member(-1_001_000_000_000, 5_000_000_001)

    try:
        await bot.initialize()
        await asyncio.gather(*(work(_WARM_UP // in_flight + 1) for _ in range(in_flight)))
        before = time.process_time()
        await asyncio.gather(*(work(calls // in_flight) for _ in range(in_flight)))
        return (time.process_time() - before) / (calls // in_flight * in_flight) * 1e6
    finally:
        await pool.close()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        sys.stdout.write(f"{runner.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))}\n")
