"""Which requests were let in."""

from services.gateway.queries.paging import Reader


async def kind_of(reader: Reader, key: str) -> str | None:
    """The wire name of the command that was asked under a key; ``None`` where nothing was, or it was refused."""
    return await reader.fetchval("SELECT kind FROM requests WHERE key = $1 AND refusal IS NULL", key)
