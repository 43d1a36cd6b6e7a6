"""Keys lie where the Java client would put them, so that any producer and any consumer agree on a subject's partition.

The figures were printed once by Java, from ``Utils.murmur2(key)`` and ``Utils.toPositive(hash) % partitions`` of
``org.apache.kafka.common.utils`` in kafka-clients 4.3.1, the jar that ``jars.lock`` pins, with keys in UTF-8;
``BuiltInPartitioner.partitionForKey`` of the same jar, which a Java producer calls, gave the same for 16 partitions.
"""

from typing import Final

import pytest

from agora.kafka import place

TABLE: Final = (
    # key, murmur2, partition of 16, partition of 512
    ("", 275646681, 9, 217),
    (" ", -987232127, 1, 129),
    ("0", 971027396, 4, 452),
    ("1", -1993445489, 15, 399),
    ("a", -1563381124, 12, 124),
    ("b", -1853091852, 4, 500),
    ("ab", 316155434, 10, 42),
    ("abc", 479470107, 11, 27),
    ("abcd", -1323649548, 4, 500),
    ("abcde", 461995741, 13, 221),
    ("21", -973932308, 12, 236),
    ("foobar", -790332482, 14, 446),
    ("B", 1411423576, 8, 344),
    ("S", -357910179, 13, 349),
    ("R", -2133732786, 14, 78),
    ("P", 337744091, 11, 219),
    ("Q", -311359841, 15, 159),
    ("X", -1422426446, 2, 178),
    ("17850", 2146000735, 15, 351),
    ("12583", 296089277, 13, 189),
    ("13047", -92081407, 1, 257),
    ("85123A", -757207140, 12, 412),
    ("71053", 28858009, 9, 153),
    ("84406B", -1500465824, 0, 352),
    ("22752", 1211887278, 14, 174),
    ("POST", -1998511402, 6, 214),
    ("M", 688430055, 7, 487),
    ("S1", 320132663, 7, 55),
    ("R2", 943930727, 7, 359),
    ("T-1", 180651632, 0, 112),
    ("536365", -1735058606, 2, 338),
    ("536366", -1029733399, 9, 489),
    ("C536379", 328085676, 12, 172),
    ("order-1", 1221710326, 6, 502),
    ("checkout-536365", -1390084041, 7, 55),
    ("buyer/17850", 831023137, 1, 33),
    ("seller/S1", 962280768, 0, 320),
    ("transaction/536365", -1227308065, 15, 479),
    ("\x00", 375494588, 12, 444),
    ("a\x00", -1853091852, 4, 500),
    ("\n", -769451508, 12, 12),
    ("~", -325578150, 10, 90),
    ("\x7f", 21296028, 12, 412),
    ("ä", -1937952267, 5, 501),
    ("Müller", -1790669443, 13, 381),
    ("Grüße aus Köln", 2123417415, 7, 327),
    ("ß", -241589582, 2, 178),
    ("Ünïcödé", 1099742038, 6, 342),
    ("é", 186971271, 7, 135),
    ("e\u0301", -1650544357, 11, 283),
    ("日本語", 1431860170, 10, 458),
    ("Привет", -282391137, 15, 415),
    ("عربى", 1159326677, 5, 469),
    ("€", -1352192002, 14, 510),
    ("😀", 131881617, 1, 145),
    ("\U0001f469\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466", 551589213, 13, 349),
    ("🇩🇪", -1030052091, 5, 261),
    ("a😀b", -1591872719, 1, 305),
    ("x" * 100, 1249054468, 4, 260),
    ("x" * 255, -494695761, 15, 175),
    ("ü" * 128, 189811595, 11, 395),
    ("😀" * 64, -2047001285, 11, 315),
    ("0123456789" * 25, 1973852706, 2, 34),
    ("the quick brown fox jumps over the lazy dog", -890066680, 8, 264),
    ("00000000-0000-0000-0000-000000000000", 713427837, 13, 381),
    ("f81d4fae-7dec-11d0-a765-00a0c91e6bf6", -1295985492, 12, 172),
)


@pytest.mark.parametrize(("key", "murmur2", "of_16", "of_512"), TABLE, ids=[ascii(key)[:40] for key, *_ in TABLE])
def test_a_key_is_placed_as_by_the_java_client(key: str, murmur2: int, of_16: int, of_512: int) -> None:
    assert (place(key), place(key) % 16, place(key) % 512) == (murmur2 & 0x7FFFFFFF, of_16, of_512)


def test_the_table_has_every_remainder_of_four_bytes_and_both_signs() -> None:
    """The hash takes four bytes at a time, and what is left over in another way."""
    assert {(len(key.encode()) % 4, hash_ < 0) for key, hash_, *_ in TABLE} == {
        (left, negative) for left in range(4) for negative in (False, True)
    }
