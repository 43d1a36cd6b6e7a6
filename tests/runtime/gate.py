"""A gate before a server: shut, nobody gets in, and those inside are thrown out."""

import asyncio
from contextlib import suppress
from typing import Self
from urllib.parse import urlsplit

CHUNK_BYTES = 65_536


class Gate:
    """Stands before ``url`` (or host:port) on a port of its own, shut until it is opened."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url if "//" in url else f"//{url}")
        self._to = (parts.hostname or "", parts.port or 0)
        self._real = parts
        self._server: asyncio.Server | None = None
        self._inside: set[asyncio.StreamWriter] = set()
        self._port = 0

    @property
    def address(self) -> str:
        """Where the gate stands, as host:port."""
        return f"127.0.0.1:{self._port}"

    @property
    def url(self) -> str:
        """The URL that leads through the gate."""
        user, _, _ = self._real.netloc.rpartition("@")
        return self._real._replace(netloc=f"{user}@{self.address}").geturl()

    async def __aenter__(self) -> Self:
        await self.open()
        await self.shut()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.shut()

    async def open(self) -> None:
        """Let people in."""
        self._server = await asyncio.start_server(self._enter, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def shut(self) -> None:
        """Let nobody in and throw out everyone."""
        if self._server is not None:
            self._server.close()
        for writer in list(self._inside):
            writer.transport.abort()

    async def _enter(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        onward, outward = await asyncio.open_connection(*self._to)
        self._inside |= {writer, outward}
        try:
            await asyncio.gather(_carry(reader, outward), _carry(onward, writer))
        finally:
            self._inside -= {writer, outward}


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while chunk := await reader.read(CHUNK_BYTES):
            writer.write(chunk)
            await writer.drain()
    writer.transport.abort()
