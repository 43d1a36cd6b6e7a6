"""The front of the door: the HTTP API through which people and outside agents take part."""
