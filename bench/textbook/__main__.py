"""Run one service: ``python -m bench.textbook SERVICE BOOTSTRAP PREFIX``, its database's URL in TEXTBOOK_DATABASE.

It ends when its standard input does, so that it never outlives who started it.
"""

import asyncio
import logging
import os
import sys

import uvloop

from agora.discovery import service
from bench.textbook.app import application


async def main() -> None:
    """Run until told to stop, or left alone."""
    name, bootstrap, prefix = sys.argv[1:]
    app = application(service(name), bootstrap, os.environ["TEXTBOOK_DATABASE"], prefix)
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), app.exit)
    await app.run()


logging.basicConfig(level=logging.WARNING)
logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # it calls every rebalance and every farewell an error
uvloop.run(main())
