"""Records changed a little: in what their JSON says, in their headers and keys, and in their bytes.

All chance comes in as ``Random``, so that a seed, or hypothesis, decides everything.
"""

import json
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Final, TypeAlias

from agora.envelope import EVENT_BYTES_MAX
from agora.memory import MemoryRecord

Change: TypeAlias = Callable[[Random, MemoryRecord], MemoryRecord]
Headers: TypeAlias = tuple[tuple[str, bytes], ...]

CHANGES_MAX: Final = 4
LARGE_ONE_IN: Final = 500  # so that the large ones take no more time than all the others
DEEP: Final = 100_000
HUGE: Final = 10**400
ODD_VALUES: Final[tuple[Any, ...]] = (
    None, True, False, 0, -1, 1, 13, 2**31, 2**63 - 1, 2**63, -(2**63) - 1, 2**64, HUGE, 0.5, -0.0, 1e308, float("inf"),
    float("nan"), "", " ", "a", "0", "1", "null", "x" * 101, "x" * 257, "x" * 5_000, "\x00", "a\x00b", "\n", "\ud800",
    "\udc00a", "😀", "é", "\u202e", "GBP", "gbp", "£££", "2026-01-01T00:00:00Z", "2026-13-01", "1.0", "0.3",
    "application/json", "application/avro", [], {}, [[]], [None], {"": None}, {"a": {"b": [1, {"c": "d"}]}},
)  # fmt: skip
ODD_TYPES: Final = (
    "OrderPlaced.v2", "OrderPlaced.v999999999", "OrderPlaced.v", "OrderPlaced", "OrderPlaced.v-1", "OrderPlaced.v0",
    "OrderPlaced.v01", "OrderPlaced.v١", "CheckOut.v7", "StockReserved.v3", "ErrorOccurred.v2", "RedriveParked.v1",
    "Nothing.v1", "com.example.shop.v1", ".v1", "v1", "Event.v1", "UnknownVersion.v1", "x" * 5_000,
)  # fmt: skip
ODD_LISTS: Final = ("OrderPlaced.v1", "CheckOut.v2,CheckOut.v1", ",", ",,,,OrderPlaced.v1", "OrderPlaced.v1," * 500)
ODD_BYTES: Final = (
    b"", b"\x00", b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf0\x9f\x98\x80", b"\xef\xbb\xbf", b'"', b"{", b"}", b"[", b"]",
    b",", b":", b"\\", b"\\u0000", b"\\ud800", b"1e999", b"-", b"null", b"NaN", b"//", b"\r\n", b'"data":{},',
    b"9" * 400,
)  # fmt: skip
ODD_CONTENT_TYPES: Final = (
    b"", b"application/json", b"Application/JSON; charset=utf-8", b"application/cloudevents+json", b"text/plain",
    b"APPLICATION/CLOUDEVENTS+JSON", b"application/cloudevents-batch+json", b"application/cloudevents+avro",
    b"application/vnd.shop+json", b"application/avro", b"+json", b"\xff", b";" * 10_000,
)  # fmt: skip


def mutated(chance: Random, corpus: Sequence[MemoryRecord]) -> MemoryRecord:
    """One record of the corpus after one change or a few."""
    record = chance.choice(corpus)
    if chance.randrange(LARGE_ONE_IN) == 0:
        return _large(chance, record)
    for _ in range(chance.randint(1, CHANGES_MAX)):
        record = changed(chance, record)
    return record


def changed(chance: Random, record: MemoryRecord) -> MemoryRecord:
    """The record after one change."""
    return chance.choice(_WAYS)(chance, record)


def mutated_bytes(chance: Random, data: bytes) -> bytes:
    """Bytes after one change: some replaced, put in, taken out, said twice, or cut off."""
    place = chance.randint(0, len(data))
    end = min(len(data), place + chance.choice((0, 1, 1, 2, 4, 16, 64)))
    match chance.randrange(5):
        case 0:
            return data[:place] + chance.choice(ODD_BYTES) + data[end:]
        case 1:
            return data[:place] + bytes(chance.randrange(256) for _ in range(end - place)) + data[end:]
        case 2:
            return data[:place] + data[end:]
        case 3:
            return data[:end] + data[place:]
        case _:
            return data[:place]


def _json(chance: Random, record: MemoryRecord) -> MemoryRecord:
    """Change one member, at any depth, of what the value says."""
    try:
        tree: Any = json.loads(record.value or b"")
        places = list(_places(tree))
    except (ValueError, RecursionError):
        return record
    if not places:
        return record
    if isinstance(tree, dict) and "data" in tree and chance.random() < 0.7:  # more ways lie behind the envelope
        places = list(_places(tree["data"])) or places
    inside, key = chance.choice(places)
    _change(chance, inside, key, [box[name] for box, name in places])
    text = json.dumps(tree, ensure_ascii=chance.random() < 0.5)
    return record._replace(value=text.encode(errors="surrogatepass"))


def _places(tree: Any) -> list[tuple[Any, Any]]:
    """Every place in a JSON value, as what it is in and the key or index it has there."""
    found: list[tuple[Any, Any]] = []
    boxes = [tree]
    while boxes:
        box = boxes.pop()
        keys: Any = list(box) if isinstance(box, dict) else range(len(box)) if isinstance(box, list) else ()
        for key in keys:
            found.append((box, key))
            boxes.append(box[key])
    return found


def _change(chance: Random, inside: Any, key: Any, others: Sequence[Any]) -> None:
    match chance.randrange(6):
        case 0:
            del inside[key]
        case 1 if isinstance(inside, dict):
            inside[chance.choice(("a field of tomorrow", "", "data_base64", "x" * 300))] = chance.choice(ODD_VALUES)
        case 1:
            inside.extend([inside[key]] * chance.choice((1, 2, 1_001)))
        case 2:
            inside[key] = [inside[key]]
        case 3:
            inside[key] = json.loads(json.dumps(chance.choice(others)))  # a copy, or it could come to hold itself
        case _:
            inside[key] = chance.choice(ODD_VALUES)


def _typed(chance: Random, record: MemoryRecord) -> MemoryRecord:
    """Say another event, another version, or other versions to read it as."""
    name, text = chance.choice((("type", chance.choice(ODD_TYPES)), ("readableas", chance.choice(ODD_LISTS))))
    return _saying(record, name, text)


def _saying(record: MemoryRecord, name: str, text: str) -> MemoryRecord:
    """The record with one attribute set, in its mode; as it is if it has none that can be read."""
    if any(header == "ce_type" for header, _ in record.headers):
        return record._replace(headers=(*record.headers, (f"ce_{name}", text.encode())))
    try:
        tree: Any = json.loads(record.value or b"")
    except (ValueError, RecursionError):
        return record
    return record._replace(value=json.dumps({**tree, name: text}).encode()) if isinstance(tree, dict) else record


def _header(chance: Random, record: MemoryRecord) -> MemoryRecord:
    headers = list(record.headers)
    place = chance.randint(0, len(headers))
    old, _ = headers[place] if place < len(headers) else ("ce_colour", b"")
    name = chance.choice((old, old.upper(), "content-type", "ce_specversion", "ce_id", "ce_data", "ce_data_base64", ""))
    content = chance.choice((*ODD_BYTES, *ODD_CONTENT_TYPES, b"x" * 5_000))
    match chance.randrange(4):
        case 0:
            headers[place : place + 1] = []
        case 1:
            headers.insert(place, (name, content))
        case 2:
            headers[place : place + 1] = [(name, content)]
        case _:
            chance.shuffle(headers)
    return record._replace(headers=tuple(headers))


def _key(chance: Random, record: MemoryRecord) -> MemoryRecord:
    return record._replace(key=chance.choice((None, b"", b"\x00", b"\xff", b"a", b"x" * 300)))


def _subject(chance: Random, record: MemoryRecord) -> MemoryRecord:
    """Be about somebody else, in the key and in the value alike."""
    subject = chance.choice(("a", "é", "😀", "a\x00b", "x" * 256, "x" * 257, "\u202e", " "))
    moved = _saying(record, "subject", subject)
    return moved if moved is record else moved._replace(key=subject.encode())


def _value(chance: Random, record: MemoryRecord) -> MemoryRecord:
    return record._replace(value=mutated_bytes(chance, record.value or b""))


def _large(chance: Random, record: MemoryRecord) -> MemoryRecord:
    """As long as a record may be, or longer, or deeper than any."""
    value = _long_list(chance, record) or record.value or b""
    size = EVENT_BYTES_MAX + chance.choice((-1_000, 1))
    filling = chance.choice((b" ", b"x", b"[", b'{"a":', b'"a":1,', b"\\u0000", b"9", b"[1],", b"\xff"))
    place = value.rfind(chance.choice((b"{", b'"', b"}"))) + chance.randrange(2)
    times = chance.choice((DEEP, (size - len(value)) // len(filling)))
    longer = value[:place] + filling * times + value[place:]
    return record._replace(value=chance.choice((value, longer)) if len(value) > DEEP else longer)


def _long_list(chance: Random, record: MemoryRecord) -> bytes | None:
    """The value with one of its lists, if it has any, as long as there is room for."""
    tree: Any = json.loads(record.value or b"")
    lists = [(box, key) for box, key in _places(tree) if isinstance(box[key], list)]
    if not lists:
        return None
    box, key = chance.choice(lists)
    item = chance.choice(("", -1, 1, None, [], {}, *box[key]))
    box[key] = [item] * ((EVENT_BYTES_MAX - 2_000) // (len(json.dumps(item)) + 2))
    return json.dumps(tree).encode()


CHANGES: Final[tuple[tuple[Change, int], ...]] = (
    (_json, 60),
    (_value, 14),
    (_header, 11),
    (_typed, 10),
    (_subject, 3),
    (_key, 2),
)
_WAYS: Final = tuple(change for change, weight in CHANGES for _ in range(weight))
