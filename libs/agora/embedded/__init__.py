"""Servers the product brings itself: a real PostgreSQL and a real Kafka, from packages alone."""






