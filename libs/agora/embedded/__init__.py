"""Servers the product brings itself: a real PostgreSQL and a real Kafka, from packages alone."""

from agora.embedded.jars import JarsError
from agora.embedded.kafka import EmbeddedKafka
from agora.embedded.postgres import EmbeddedPostgres
from agora.embedded.process import ServerError

__all__ = ["EmbeddedKafka", "EmbeddedPostgres", "JarsError", "ServerError"]
