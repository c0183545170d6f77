"""Names that fit, and that no two claims share."""

from __future__ import annotations

import re

from hypothesis import example, given
from hypothesis import strategies as st

from controller import naming

LIFE = naming.incarnation("a request")
# Names of namespaces are labels of DNS, those of claims are subdomains.
NAMESPACES = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", fullmatch=True)
CLAIMS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?(\.[a-z0-9]{1,20}){0,4}", fullmatch=True)
SUBDOMAIN = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")


def names(namespace: str, of: str) -> list[str]:
    return [
        naming.destination(namespace, of, LIFE),
        naming.source(namespace, of, LIFE, "local"),
        naming.source(namespace, of, LIFE, "remote"),
    ]


@given(NAMESPACES, CLAIMS)
def test_every_name_is_a_name_and_its_job_is_not_cut(namespace: str, of: str) -> None:
    for name in names(namespace, of):
        assert SUBDOMAIN.fullmatch(name)
        assert len(naming.source_job(name)) <= 63
        assert len(naming.destination_job(name)) <= 63
        assert len(f"{naming.image_prefix(name)}20260110115900") <= 253
    assert len(set(names(namespace, of))) == 3


def test_a_claim_with_a_name_of_253_characters_has_names_of_its_own() -> None:
    long, other = "a" * 252 + "b", "a" * 252 + "c"
    assert not set(names("shop", long)) & set(names("shop", other))
    assert all(len(naming.source_job(name)) <= 63 for name in names("shop", long))


def test_a_namespace_and_a_claim_that_read_alike_together_share_nothing() -> None:
    assert not set(names("a-b", "c")) & set(names("a", "b-c"))
    assert naming.repository_path("", "a-b", "c") != naming.repository_path("", "a", "b-c")
    assert naming.repository_path("", "a-b", "c") == "a-b/c"
    assert naming.claim_key("a-b", "c") != naming.claim_key("a", "b-c")


@given(st.tuples(NAMESPACES, CLAIMS), st.tuples(NAMESPACES, CLAIMS))
def test_no_repository_lies_within_anothers(one: tuple[str, str], other: tuple[str, str]) -> None:
    if one != other:
        path, another = (naming.repository_path("p/", *each) + "/" for each in (one, other))
        assert not path.startswith(another)
        assert not naming.known_path("p", *one).startswith(path)
        assert not naming.known_path("p", *one).startswith(naming.known_path("p", *other))
        assert naming.known_path("p", *one) < naming.marker_path("p")
        assert naming.known_of("p", f"{naming.known_path('p', *one)}1024") == (*one, "1024")
        assert not naming.marker_path("p").startswith(path)


@example(("shop", "orders"), ("shop-1", "orders"))
@given(st.tuples(NAMESPACES, CLAIMS), st.tuples(NAMESPACES, CLAIMS))
def test_folders_of_what_is_known_come_in_the_order_of_their_keys(one: tuple[str, str], other: tuple[str, str]) -> None:
    """A folder `shop-1/` comes before `shop/`, and its name after it: MinIO then lists nothing after `shop/orders/`."""
    paths = [naming.known_path("p", *each) for each in (one, other)]
    assert sorted(paths) == sorted(paths, key=lambda path: path.split("/"))


def test_what_is_not_named_as_the_controller_names_it_is_known_of_nobody() -> None:
    for key in ("shop_/orders_", "shop/orders/1024", "shop_/orders_/x/1024", "_/orders_/1024", "store"):
        assert naming.known_of("p", f"{naming.known_prefix('p')}{key}") is None


def test_a_claim_that_is_named_like_anothers_children_is_not_taken_for_it() -> None:
    impostor = f"a-{naming.claim_key('shop', 'a')}-x"
    for name in names("shop", impostor):
        assert not name.startswith(naming.child_prefix("shop", "a"))
        assert not naming.is_mover_pod("shop", "a", f"{naming.source_job(name)}-x7k2p")
        assert not naming.is_destination("shop", "a", name)


def test_each_life_of_a_claim_has_a_destination_of_its_own() -> None:
    first, second = (naming.destination("shop", "orders", naming.incarnation(nonce)) for nonce in ("1", "2"))
    assert first != second
    assert naming.is_destination("shop", "orders", first)
    assert naming.is_destination("shop", "orders", second)
    assert not naming.is_destination("shop", "orders", naming.source("shop", "orders", LIFE, "local"))
    assert not naming.is_destination("shop", "orders", "orders-dst")


def test_names_do_not_change_from_one_version_to_the_next() -> None:
    assert (
        naming.source("shop", "orders", naming.incarnation("uid-1"), "local") == "orders-mrhxxdhvvstk5-jje2z6fg-local"
    )
