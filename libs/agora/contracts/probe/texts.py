"""Strings on purpose: the shortest, the longest, and every character that a pattern lets through."""

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Final, TypeAlias

import jsonschema_rs
from hypothesis import strategies as st

from agora.contracts.probe.chance import drawn

CHARACTERS: Final = "".join(map(chr, range(0x20, 0x7F))) + "\t\n\x00\x7f\xa0éßΩя日\u2028😀"
"""What patterns tell apart: all of printable ASCII, and some that are not."""
SEEDS: Final = 20
PUMPED_CHARACTERS_MAX: Final = 12
FORMATTED: Final = {
    "date-time": (
        "2030-01-02T03:04:05Z",
        "2030-01-02T03:04:05.678901Z",
        "2030-01-02T03:04:05+02:00",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59.999999Z",
    ),
    "date": ("2030-01-02", "0001-01-01", "9999-12-31"),
    "uuid": ("0b8f9b0e-6f5c-4d55-9d6a-6c8d8a4c0f3e", "00000000-0000-0000-0000-000000000000"),
    "duration": ("PT5S", "P1DT2H", "PT0S"),
}

Matches: TypeAlias = Callable[[str], bool]


def plain(least: int, most: int) -> Iterator[str]:
    """Strings of any characters, between two lengths: an ordinary one, the extremes, and all kinds of characters."""
    yield "a" * min(max(least, 1), most)
    yield "a" * least
    yield "a" * most
    for start in range(0, len(CHARACTERS), max(most, 1)):
        yield CHARACTERS[start : start + max(most, 1)].ljust(least, "a")[:most]


@lru_cache(maxsize=1024)
def matching(pattern: str, least: int, most: int) -> tuple[str, ...]:
    """Strings that match a pattern, between two lengths; none if none was found."""
    found = jsonschema_rs.Draft202012Validator({"type": "string", "pattern": pattern}).is_valid
    seeds = sorted(
        filter(found, dict.fromkeys(drawn(st.from_regex(pattern), SEEDS))), key=lambda seed: (len(seed), seed)
    )
    if not seeds:
        return ()
    shortest = _shortened(seeds[0], found)
    pumped = [_pumped(seed, length, found) for seed in (shortest, *seeds) for length in (least, least + 1, most)]

    def fits(text: str) -> bool:
        return least <= len(text) <= most and found(text)

    sound = sorted(filter(fits, {shortest, *seeds, *pumped}), key=lambda text: (len(text), text))
    if not sound:
        return ()
    return tuple(dict.fromkeys([*sound, *_varied(sound[0], fits)]))


def _shortened(text: str, found: Matches) -> str:
    for place in reversed(range(len(text))):
        shorter = text[:place] + text[place + 1 :]
        if found(shorter):
            text = shorter
    return text


def _pumped(text: str, length: int, found: Matches) -> str:
    """The text with one part of it repeated, as close to ``length`` characters as its pattern lets it come."""
    best = text
    if len(text) > PUMPED_CHARACTERS_MAX:
        return best
    for start in range(len(text)):
        for end in range(start + 1, len(text) + 1):
            times = (length - len(text)) // (end - start)
            longer = text[:end] + text[start:end] * max(0, times) + text[end:]
            if len(best) < len(longer) <= length and found(longer):
                best = longer
    return best


def _varied(text: str, fits: Matches) -> Iterator[str]:
    """Every character that fits somewhere: all in one text where there is room, else each in a text of its own."""
    all_in, left = text, list[str]()
    for character in CHARACTERS:
        wider = next((w for w in _insertions(all_in, character) if fits(w)), None)
        if wider is None:
            left.append(character)
        else:
            all_in = wider
    yield all_in
    for character in left:
        changed = text
        for place in range(len(text)):
            other = changed[:place] + character + changed[place + 1 :]
            changed = other if fits(other) else changed
        if changed != text:
            yield changed


def _insertions(text: str, character: str) -> Iterator[str]:
    places = (len(text), 0, len(text) // 2)
    return (text[:place] + character + text[place:] for place in places)
