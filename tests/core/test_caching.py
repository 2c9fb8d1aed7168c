"""The cache that is bounded by bytes."""

from collections.abc import Callable

from meshcil.core.caching import ByteCache


def test_the_least_recently_used_goes_first_and_the_bound_holds() -> None:
    made: list[str] = []

    def value(name: str, size: int) -> Callable[[], bytes]:
        return lambda: (made.append(name), name.encode() * size)[1]

    cache = ByteCache[bytes](10, len)
    assert cache.get("a", value("a", 4)) == b"aaaa"
    cache.get("b", value("b", 4))
    cache.get("a", value("a", 4))
    cache.get("c", value("c", 5))
    assert (made, cache.held_bytes) == (["a", "b", "c"], 9)
    cache.get("a", value("a", 4))
    assert made == ["a", "b", "c"]
    cache.get("b", value("b", 4))
    assert made == ["a", "b", "c", "b"]
    assert cache.held_bytes == 8


def test_what_exceeds_the_bound_is_made_but_not_kept() -> None:
    cache = ByteCache[bytes](3, len)
    small = cache.get("small", lambda: b"ab")
    assert cache.get("large", lambda: b"abcd") == b"abcd"
    assert cache.held_bytes == 2
    assert cache.get("small", lambda: b"other") is small
    assert cache.get("large", lambda: b"efgh") == b"efgh"
