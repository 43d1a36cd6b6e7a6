"""Somebody at the gateway's door."""

import asyncio
import json
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import aiohttp
from yarl import URL

_numbers = count()


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: Any

    @property
    def problem(self) -> str:
        """Which problem it is."""
        assert self.headers["content-type"] == "application/problem+json"
        assert self.body["status"] == self.status
        return self.body["type"].removeprefix("/problems/")


@dataclass
class Caller:
    """Whoever holds a key, at a gateway."""

    session: aiohttp.ClientSession
    url: str
    key: str | None
    keys: set[str] = field(default_factory=set[str])

    async def call(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        """Send a request as it is."""
        named = {name.replace("_", "-"): value for name, value in headers.items()} | {
            "Content-Type": "application/json"
        }
        if self.key is not None:
            named |= {"Authorization": f"Bearer {self.key}"}
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        # The path is sent as it is written here: a client that tidied it up would hide what is tried.
        url = URL(self.url + path, encoded=True)
        async with self.session.request(method, url, data=data, headers=named) as response:
            text = await response.read()
            told = {name.lower(): value for name, value in response.headers.items()}
            is_json = "json" in told.get("content-type", "")
            return Answer(response.status, told, json.loads(text) if is_json and text else text)

    async def look(self, path: str) -> Any:
        """What a view shows."""
        answer = await self.call("GET", path)
        assert answer.status == 200, answer
        return answer.body["shown"]

    async def told_at_last(self, agent: str, last_type: str) -> Any:
        """An agent (`stream/id`) and its state, once the last it was told is an event of this type."""
        async with asyncio.timeout(60):
            while True:
                answer = await self.call("GET", f"/v1/agents/{agent}")
                if answer.status == 200 and answer.body["shown"]["agent"]["last_type"] == last_type:
                    return answer.body["shown"]
                await asyncio.sleep(0.05)

    async def ask(self, method: str, path: str, body: object = None, key: str | None = None, wait: int = 20) -> Answer:
        """Ask for something, and wait for what comes of it."""
        name = f"test-{next(_numbers)}" if key is None else key
        self.keys.add(name)
        return await self.call(method, path, body, Idempotency_Key=name, Prefer=f"wait={wait}")

    async def done(self, method: str, path: str, body: object = None) -> str:
        """Ask for something, and return the type of the event that answers it."""
        answer = await self.ask(method, path, body)
        assert answer.status == 200, answer
        return answer.body["type"]
