"""Makes up a month of a shop's orders whose distributions follow a real month's. Nothing of the real rows is kept.

The tables below were counted from the 1,338 orders of December 2010 in *Online Retail*, D. Chen (2015), UCI Machine
Learning Repository, https://doi.org/10.24432/C5BW33, licensed CC BY 4.0. Each is `value:weight …`, and the weights
are numbers of rows, orders or products, unless it says otherwise. The rare values are merged into a few.

One seed gives one book on every platform and Python: chance is `Random.random()` alone, whose sequence is promised to
stay, and the rest is whole numbers and plain fractions, with no library of logarithms between.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import accumulate, pairwise
from random import Random
from typing import Final, Generic, TypeVar

from console.orders import Order, OrderBook, OrderLine

T = TypeVar("T")

ORDERS_MAX: Final = 1_000_000
REAL_ORDERS: Final = 1_338
CATALOGUE_PRODUCTS: Final = 2_880
"""What the shop lists; a month of 1,338 orders names about 2,390 of them."""


@dataclass(frozen=True, slots=True)
class _Table(Generic[T]):
    """Values to be drawn by weight."""

    values: Sequence[T]
    bounds: Sequence[int]

    def draw(self, chance: Random) -> T:
        return self.values[bisect_right(self.bounds, int(chance.random() * self.bounds[-1]))]


def _table(text: str) -> _Table[int]:
    pairs = [pair.split(":") for pair in text.split()]
    return _Table([int(value) for value, _ in pairs], list(accumulate(int(weight) for _, weight in pairs)))


_ORDER_LINES: Final = (
    (0, 1), (95, 1), (110, 2), (150, 2), (180, 4), (240, 5), (300, 7), (360, 9), (400, 10), (460, 12), (500, 13),
    (560, 15), (600, 16), (660, 18), (700, 20), (740, 22), (780, 26), (820, 29), (860, 36), (900, 45), (940, 54),
    (960, 62), (980, 70), (990, 86), (995, 105), (999, 161), (1000, 169),
)  # fmt: skip
"""Permille of orders, and the lines below which they stay."""

_BUYER_ORDERS: Final = _table("1:607 2:167 3:46 4:19 5:9 6:3 7:1 8:2 9:1 11:1 12:1 31:1 34:1")
_DAYS: Final = _table(
    "1:121 2:137 3:57 5:86 6:94 7:71 8:111 9:98 10:72 12:43 13:64 14:81 15:70 16:112 17:55 19:18 20:48"
)
"""Days of December 2010; the shop rests on Saturdays."""
_HOURS: Final = _table("7:2 8:26 9:96 10:159 11:166 12:214 13:195 14:142 15:169 16:91 17:47 18:18 19:12 20:1")

_POPULARITY: Final = (
    (1, 197), (2, 139), (5, 125), (12, 100), (20, 86), (30, 73), (50, 57), (80, 46), (120, 39), (200, 28), (300, 22),
    (400, 18), (600, 13), (800, 9), (1000, 7), (1200, 5), (1400, 4), (1600, 3), (1800, 2), (2000, 1.4), (2400, 0.9),
    (CATALOGUE_PRODUCTS, 0.3),
)  # fmt: skip
"""Rank of a product, and the order lines that name it."""

_SELLERS: Final = """22:852:12326 21:554:5692 84:222:1796 20:151:1510 85:156:1253 82:26:530 72:39:277 47:38:218
48:10:204 90:118:194 79:22:146 37:28:142 35:43:131 15:11:92 16:29:88 17:26:86 71:11:82 10:8:58 PO:1:57 70:2:46 18:5:32
M:1:26 51:6:23 46:6:17 40:4:14 75:4:9 62:3:8 C2:1:7 11:1:5 77:1:5 44:3:3 78:2:2 BA:1:1 81:1:1"""
"""A seller, its products and its lines."""
_SINGLE_CODES: Final = {"PO": "POST", "M": "M", "C2": "C2", "BA": "BANK CHARGES"}

_PRICES_MINOR: Final = _table(
    "12:24 19:54 21:112 29:213 42:1160 55:392 61:71 65:493 85:2046 95:125 106:79 125:3117 145:648 149:92 165:1975 "
    "169:272 195:1169 210:1913 225:43 255:880 295:2581 325:124 335:60 339:35 345:77 375:1773 395:188 425:669 465:241 "
    "495:1064 545:57 595:697 635:44 645:48 675:180 695:61 795:777 850:424 895:45 995:420 1095:56 1275:297 "
    "1495:70 1695:63 1800:57 1895:47 3775:24 7495:12 12500:6 13835:3 16500:1 17000:2"
)
"""List prices, by lines."""
_BULK_PERCENT: Final = _table("29:12 40:6 76:12 85:40 86:20 88:10 100:35")
"""Of its list price, what a product costs in bulk (100: no less)."""
_BULK_UNITS: Final = _table("6:5 12:9 24:30 36:18 48:20 72:18")
"""Pieces of one line from which the bulk price holds."""

_QUANTITY_LINES_BELOW: Final = (16, 31)
_QUANTITY_PRICES_BELOW_MINOR: Final = (100, 200, 400)
_QUANTITIES: Final = tuple(
    _table(text)
    for text in (
        "1:33 2:29 6:47 10:32 12:183 20:14 24:187 25:25 36:64 48:49 72:16 96:15 100:31 192:15 296:16 570:8 1703:8",
        "1:68 2:39 6:187 8:59 10:131 12:468 20:44 24:213 36:25 48:31 72:90 121:26 144:24 236:13 450:14",
        "1:74 2:51 3:38 4:245 5:31 6:463 8:134 12:318 16:28 24:77 27:40 36:35 48:36 57:40 114:20 194:10 741:11",
        "1:185 2:356 3:199 4:211 5:15 6:135 8:60 10:41 12:72 13:23 16:29 24:45 26:15 42:16 48:17 88:8 165:4 504:4",
        "1:96 2:69 3:35 4:32 5:33 6:38 10:60 12:326 14:58 24:275 25:54 28:39 36:60 48:70 83:39 126:19 173:10 296:10",
        "1:251 2:182 3:79 4:92 5:74 6:167 8:91 10:172 12:601 16:45 20:50 24:139 36:30 48:24 75:30 99:15 136:8 216:8",
        "1:375 2:212 3:123 4:244 5:56 6:501 8:90 10:22 11:33 12:232 16:15 20:22 24:66 32:17 39:22 48:11 75:5 112:6",
        "1:421 2:445 3:191 4:229 5:24 6:131 8:38 9:13 10:18 12:40 13:10 16:19 24:22 25:7 33:7 37:3 76:2 196:2",
        "1:573 2:306 3:159 4:104 5:93 6:168 10:147 12:430 23:54 24:300 25:60 36:55 48:95 58:54 101:27 134:14 215:14",
        "1:1296 2:643 3:281 4:215 5:122 6:260 8:109 10:156 12:526 20:36 24:196 29:40 48:33 51:40 85:20 101:10 149:10",
        "1:1517 2:763 3:322 4:294 5:86 6:379 7:18 8:77 10:29 11:32 12:201 18:21 23:21 24:48 35:21 44:11 48:5 70:6",
        "1:1118 2:513 3:174 4:174 5:31 6:103 7:5 8:29 10:11 11:7 12:37 16:8 19:5 24:13 29:5 39:3 70:1 96:2",
    )
)
"""Pieces of a line: for short, middling and long orders, each at four prices from low to high."""

_REPEATS: Final = (
    (81, 78, _table("1:2 2:2 7:2 10:3 12:3 25:2 34:1 47:1")),
    (41, 64, _table("1:22 2:15 3:9 4:13 5:6 7:8 8:5 10:6 12:6")),
    (21, 30, _table("1:38 2:11 3:9 4:6 5:4 7:2 8:2")),
    (11, 6, _table("1:15 2:5 3:1 4:1")),
    (2, 1, _table("1:6")),
)
"""From so many lines, percent of orders that name a product again, and on how many lines."""


@dataclass(frozen=True, slots=True)
class _Product:
    code: str
    seller: str
    price_minor: int
    bulk_minor: int
    bulk_units: int


def generate(seed: int, orders: int = REAL_ORDERS) -> OrderBook:
    """Make up `orders` orders between 1 and 20 December 2010, as many buyers as fit them, and one catalogue.

    Order ids name the seed (`G7-000001`), in order of time. Raise ValueError for a negative seed or too many orders.
    """
    if seed < 0 or not 1 <= orders <= ORDERS_MAX:
        raise ValueError(f"seed {seed}, {orders} orders: give a seed from 0 and from 1 to {ORDERS_MAX:,} orders")
    chance = Random(seed)  # noqa: S311 - repeatable on purpose
    catalogue = _catalogue(chance)
    instants = sorted(_instant(chance) for _ in range(orders))
    buyers = _buyers(chance, orders)
    drafts = zip(instants, buyers, strict=True)
    return OrderBook(
        tuple(
            Order(f"G{seed}-{number:06d}", buyer, at, tuple(_order_lines(chance, catalogue)))
            for number, (at, buyer) in enumerate(drafts, start=1)
        )
    )


def _catalogue(chance: Random) -> _Table[_Product]:
    """Every product, to be drawn as popular as its rank and its seller make it."""
    sellers = [(seller, int(products), int(lines)) for seller, products, lines in map(_split, _SELLERS.split())]
    listed = sum(products for _, products, _ in sellers)
    codes = [
        (seller, number)
        for seller, products, _ in sellers
        for number in range(max(1, products * CATALOGUE_PRODUCTS // listed) if products > 1 else 1)
    ]
    ranked = list(zip(_shuffled(chance, codes), map(_popularity, range(1, len(codes) + 1)), strict=True))
    weights = dict.fromkeys((seller for seller, _, _ in sellers), 0.0)
    for (seller, _), weight in ranked:
        weights[seller] += weight
    scale = {seller: 1_000 * lines / weights[seller] for seller, _, lines in sellers}
    bounds = accumulate(max(1, int(weight * scale[seller])) for (seller, _), weight in ranked)
    return _Table([_product(chance, *code) for code, _ in ranked], list(bounds))


def _split(text: str) -> list[str]:
    return text.split(":")


def _popularity(rank: int) -> float:
    return _between(_POPULARITY, rank)


def _product(chance: Random, seller: str, number: int) -> _Product:
    letters = "" if number < 1_000 else chr(ord("A") + number // 1_000 - 1)  # noqa: PLR2004 - three digits
    price = _PRICES_MINOR.draw(chance)
    bulk = _to_five(price * _BULK_PERCENT.draw(chance) // 100)
    code = _SINGLE_CODES.get(seller, f"{seller}{number:03d}{letters}")
    return _Product(code, seller, price, bulk, _BULK_UNITS.draw(chance))


def _to_five(price_minor: int) -> int:
    """Round a price from a pound up to the next five pence, as the shop does; leave a smaller one, from 7 pence."""
    return max(7, price_minor if price_minor < 100 else -(-price_minor // 5) * 5)  # noqa: PLR2004 - pence in a pound


def _buyers(chance: Random, orders: int) -> list[str]:
    slots: list[str] = []
    number = 30_000
    while len(slots) < orders:
        number += 1
        slots += [str(number)] * _BUYER_ORDERS.draw(chance)
    return _shuffled(chance, slots[:orders])


def _instant(chance: Random) -> datetime:
    minute = int(chance.random() * 60)
    return datetime(2010, 12, _DAYS.draw(chance), _HOURS.draw(chance), minute, tzinfo=UTC)


def _order_lines(chance: Random, catalogue: _Table[_Product]) -> Iterator[OrderLine]:
    size = int(_between(_ORDER_LINES, chance.random() * 1_000) + 0.5)
    repeats = _repeats(chance, size)
    chosen: dict[str, _Product] = {}
    while len(chosen) < size - repeats:
        product = catalogue.draw(chance)
        chosen[product.code] = product
    products = list(chosen.values())
    again = [products[int(chance.random() * len(products))] for _ in range(repeats)]
    for product in products + again:
        quantity = _quantity(chance, size, product.price_minor)
        price = product.bulk_minor if quantity >= product.bulk_units else product.price_minor
        yield OrderLine(product.code, product.seller, quantity, price)


def _repeats(chance: Random, size: int) -> int:
    for lines, percent, table in _REPEATS:
        if size >= lines:
            return min(size // 2, table.draw(chance)) if chance.random() * 100 < percent else 0
    return 0


def _quantity(chance: Random, size: int, price_minor: int) -> int:
    short_to_long = bisect_right(_QUANTITY_LINES_BELOW, size)
    low_to_high = bisect_right(_QUANTITY_PRICES_BELOW_MINOR, price_minor)
    return _QUANTITIES[4 * short_to_long + low_to_high].draw(chance)


def _between(points: Sequence[tuple[float, float]], at: float) -> float:
    """Read a curve of (x, y) at x, on the straight line between its points."""
    for (left, low), (right, high) in pairwise(points):
        if at <= right:
            return low + (high - low) * (at - left) / (right - left)
    return points[-1][1]


def _shuffled(chance: Random, items: Sequence[T]) -> list[T]:
    shuffled = list(items)
    for last in range(len(shuffled) - 1, 0, -1):
        other = int(chance.random() * (last + 1))
        shuffled[last], shuffled[other] = shuffled[other], shuffled[last]
    return shuffled
