"""Frozen schemas in a Confluent-compatible registry, for those who have one; nothing else depends on it."""
