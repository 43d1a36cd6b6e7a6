"""Run one service: ``python -m bench.textbook SERVICE BOOTSTRAP PREFIX``, its database's URL in TEXTBOOK_DATABASE."""

import logging
import os
import sys

import uvloop

from agora.discovery import service
from bench.textbook.app import application

name, bootstrap, prefix = sys.argv[1:]
logging.basicConfig(level=logging.WARNING)
logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # it calls every rebalance and every farewell an error
uvloop.run(application(service(name), bootstrap, os.environ["TEXTBOOK_DATABASE"], prefix).run())
