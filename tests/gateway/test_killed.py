"""The gateway is killed in the middle of its work."""

import asyncio

import aiohttp

from tests.gateway.client import Caller
from tests.gateway.conftest import Gateway


async def test_killed_in_the_middle_every_request_it_let_in_has_one_outcome(operator: Caller, gateway: Gateway) -> None:
    async def ask(number: int) -> str | None:
        try:
            answer = await operator.ask(
                "POST", "/v1/sellers", {"currency": "GBP", "seller": f"k-{number}"}, f"kill-{number}", 0
            )
        except aiohttp.ClientError:
            return None
        assert answer.status == 202
        return f"k-{number}"

    asked = [asyncio.create_task(ask(number)) for number in range(200)]
    done, _ = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
    assert done
    await gateway.kill()
    let_in = [seller for seller in await asyncio.gather(*asked, return_exceptions=False) if seller]
    await gateway.restart()
    for seller in let_in:
        shown = await operator.told_at_last(f"sellers/{seller}", "SellerRegistered.v1")
        assert shown["agent"]["records"] == 2
