"""A record as one string of bytes, for a fuzzer that knows only bytes. Any bytes are some record."""

from typing import Final

from agora.memory import MemoryRecord
from tests.fuzz.corpus import record

VALUE: Final = b"\x1d"
HEADER: Final = b"\x1e"
CONTENT: Final = b"\x1f"


def framed(one: MemoryRecord) -> bytes:
    """The key, the headers and the value, set apart by characters that hardly occur in them."""
    headers = [name.encode(errors="replace") + CONTENT + content for name, content in one.headers]
    return HEADER.join([one.key or b"", *headers]) + VALUE + (one.value or b"")


def unframed(data: bytes) -> MemoryRecord:
    """The record that any bytes stand for."""
    head, _, value = data.partition(VALUE)
    key, *headers = head.split(HEADER)
    pairs = (header.partition(CONTENT) for header in headers)
    return record(key, value, tuple((name.decode(errors="replace"), content) for name, _, content in pairs))
