"""Two trees are compared in both directions, with every attribute; their text is whole or it is refused."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clusters.problem import Problem
from fixtures import movers
from fixtures.entry import (
    EXTENT_STEP_BYTES,
    Entry,
    Header,
    Kind,
    Space,
    Stamp,
    TornTreeError,
    read_path,
    shown,
    widened,
)
from fixtures.tree import DATA, Attribute, Change, Difference, Loss, Tree, compare
from tests.scene import generation

# Enough to meet each kind of difference; no deadline, since a busy machine is no mistake.
SEARCH = settings(max_examples=60)

NAMES = st.binary(min_size=1, max_size=6).filter(lambda name: b"/" not in name and b"\0" not in name)
STAMPS = st.builds(
    Stamp,
    nonce=st.from_regex(r"[a-z0-9-]{4,20}", fullmatch=True),
    volume=st.from_regex(r"[a-z0-9-]{1,9}/[a-z0-9-]{1,9}", fullmatch=True),
    generation=st.integers(0, 10**6),
)
ENTRIES = st.builds(
    Entry,
    path=NAMES,
    kind=st.sampled_from([Kind.FILE, Kind.FOLDER, Kind.SYMLINK]),
    mode=st.sampled_from([0o644, 0o4755]),
    uid=st.integers(0, 2),
    gid=st.integers(0, 2**32 - 2),
    mtime_ns=st.integers(-(10**9), 10**19),
    sha256=st.sampled_from([None, "aa", "bb"]),
    target=st.none() | st.binary(min_size=1, max_size=5),
    link_group=st.sampled_from([None, "1", "2"]),
    xattrs=st.sampled_from([(), (("user.a", b"\0\xff"),), (("security.capability", b"x"), ("user.b", b""))]),
    data_extents=st.sampled_from([None, (), ((0, EXTENT_STEP_BYTES),)]),
    stamp=st.none() | STAMPS,
    error=st.sampled_from([None, "EIO: it broke"]),
)
TREES = st.lists(ENTRIES, max_size=8, unique_by=lambda entry: entry.path).map(Tree.of)

FILE = Entry(b"a", Kind.FILE, 0o644, 1, 2, 3, size_bytes=4, sha256="aa", xattrs=(("user.a", b"1"),))


def change_of(before: Entry, after: Entry) -> list[tuple[Attribute, str | None, str | None]]:
    return [
        (found.attribute, found.expected, found.seen) for found in compare(Tree.of([before]), Tree.of([after])).changes
    ]


@SEARCH
@given(TREES)
def test_a_tree_equals_itself(tree: Tree) -> None:
    assert compare(tree, tree).is_none


@SEARCH
@given(TREES, TREES)
def test_a_difference_is_the_same_from_both_sides(one: Tree, other: Tree) -> None:
    here, there = compare(one, other), compare(other, one)
    turned = tuple(replace(change, expected=change.seen, seen=change.expected) for change in there.changes)
    assert here == Difference(missing=there.extra, extra=there.missing, changes=turned)


@SEARCH
@given(TREES.filter(lambda tree: bool(tree.entries)), st.data())
def test_a_tree_without_one_of_its_paths_differs_by_that_path(tree: Tree, data: st.DataObject) -> None:
    lost = data.draw(st.sampled_from(sorted(tree.entries)))
    rest = Tree.of(entry for path, entry in tree.entries.items() if path != lost)
    assert compare(tree, rest).missing == (lost,)
    assert compare(rest, tree).extra == (lost,)


@SEARCH
@given(TREES)
def test_a_tree_survives_its_journey_as_text(tree: Tree) -> None:
    whole = Tree(tree.entries, Header(space=Space(1, 2, 3), marker='{"a":\n"\u00e9"}'))
    lines = list(whole.lines())
    assert Tree.read(lines) == whole
    assert all(line.isascii() and line.endswith("\n") and "\n" not in line[:-1] for line in lines)


@SEARCH
@given(TREES, st.data())
def test_a_text_without_one_of_its_lines_is_never_a_tree(tree: Tree, data: st.DataObject) -> None:
    lines = list(tree.lines())
    del lines[data.draw(st.integers(0, len(lines) - 1))]
    with pytest.raises(TornTreeError):
        Tree.read(lines)


@SEARCH
@given(TREES, st.data())
def test_a_text_cut_off_anywhere_is_never_a_tree(tree: Tree, data: st.DataObject) -> None:
    text = "".join(tree.lines())
    with pytest.raises(TornTreeError):
        Tree.read(text[: data.draw(st.integers(0, len(text) - 3))].splitlines())


def test_an_altered_line_is_noticed() -> None:
    lines = [line.replace('"uid":1', '"uid":0') for line in Tree.of([FILE]).lines()]
    with pytest.raises(TornTreeError, match="missing or altered"):
        Tree.read(lines)


@pytest.mark.parametrize(
    ("line", "why"),
    [("Killed", "not a line of a tree"), ('{"path": "a"}', "not a line of a tree"), ('{"tree": 9}', "another version")],
)
def test_a_line_of_something_else_is_shown(line: str, why: str) -> None:
    with pytest.raises(TornTreeError, match=why):
        Tree.read([line])


def test_text_after_the_end_is_refused() -> None:
    with pytest.raises(TornTreeError, match="after the end"):
        Tree.read([*Tree.of([]).lines(), *Tree.of([]).lines()])


@SEARCH
@given(st.binary(min_size=1))
def test_a_path_of_any_bytes_survives_as_text(path: bytes) -> None:
    assert read_path(shown(path)) == path
    json.dumps(shown(path)).encode("ascii")


@SEARCH
@given(STAMPS, st.binary(max_size=50))
def test_a_stamp_is_read_from_the_head_of_a_file(stamp: Stamp, rest: bytes) -> None:
    assert Stamp.read(stamp.line() + rest) == stamp


@SEARCH
@given(STAMPS, st.data())
def test_a_damaged_stamp_names_nobody(stamp: Stamp, data: st.DataObject) -> None:
    line = bytearray(stamp.line())
    position = data.draw(st.integers(0, len(line) - 1))
    line[position] ^= 1 << data.draw(st.integers(0, 7))
    assert Stamp.read(bytes(line)) != stamp
    assert Stamp.read(bytes(line)) is None


@pytest.mark.parametrize(
    ("after", "attribute"),
    [
        (replace(FILE, kind=Kind.FOLDER), Attribute.KIND),
        (replace(FILE, sha256="bb"), Attribute.CONTENT),
        (replace(FILE, size_bytes=5), Attribute.CONTENT),
        (replace(FILE, mode=0o4644), Attribute.MODE),
        (replace(FILE, mode=0o2644), Attribute.SETGID),
        (replace(FILE, uid=0), Attribute.UID),
        (replace(FILE, gid=0), Attribute.GID),
        (replace(FILE, mtime_ns=4), Attribute.MTIME),
        (replace(FILE, data_extents=()), Attribute.HOLES),
        (replace(FILE, xattrs=()), Attribute.USER_XATTR),
        (replace(FILE, xattrs=(("user.a", b"2"),)), Attribute.USER_XATTR),
        (replace(FILE, xattrs=(*FILE.xattrs, ("trusted.a", b""))), Attribute.OTHER_XATTR),
        (replace(FILE, xattrs=(*FILE.xattrs, ("system.posix_acl_access", b"l"))), Attribute.ACL),
        (replace(FILE, xattrs=(*FILE.xattrs, ("security.capability", b"c"))), Attribute.CAPABILITY),
    ],
)
def test_each_attribute_is_compared(after: Entry, attribute: Attribute) -> None:
    assert [found for found, _, _ in change_of(FILE, after)] == [attribute]
    assert [found for found, _, _ in change_of(after, FILE)] == [attribute]


def test_a_link_is_compared_by_its_target_and_never_by_its_mode() -> None:
    link = Entry(b"a", Kind.SYMLINK, 0o777, 0, 0, 0, target=b"x")
    assert change_of(link, replace(link, target=b"y\n")) == [(Attribute.TARGET, "x", "y%0A")]
    assert change_of(link, replace(link, mode=0o755)) == []


def test_a_device_is_compared_by_its_number() -> None:
    device = Entry(b"a", Kind.BLOCK_DEVICE, 0o600, 0, 0, 0, device="7:1")
    assert change_of(device, replace(device, device="7:2")) == [(Attribute.DEVICE, "7:1", "7:2")]


def test_lost_and_found_is_ignored_on_both_sides_and_only_at_the_root() -> None:
    lost = [replace(FILE, path=b"lost+found", kind=Kind.FOLDER), replace(FILE, path=b"lost+found/#12")]
    assert compare(Tree.of([FILE, *lost]), Tree.of([FILE])).is_none
    assert compare(Tree.of([FILE]), Tree.of([FILE, *lost])).is_none
    below = replace(FILE, path=b"a/lost+found")
    assert compare(Tree.of([below]), Tree.of([])).missing == (b"a/lost+found",)


def linked(*groups: str) -> Tree:
    """A tree of files named by single letters; "ab c" is a file with the names a and b, and another one."""
    return Tree.of(
        replace(FILE, path=name.encode(), link_group=f"inode {number}")
        for number, group in enumerate(groups)
        for name in group
    )


@pytest.mark.parametrize("other", [("a", "b", "c"), ("ab", "c"), ("ac", "b"), ("abc",)])
def test_hard_links_are_compared_as_groups_whatever_their_inodes(other: tuple[str, ...]) -> None:
    for groups in (("ab", "c"), ("abc",), ("a", "bc")):
        same = sorted(groups) == sorted(other)
        assert compare(linked(*groups), linked(*other)).is_none is same
    assert compare(linked(*other), linked(*reversed(other))).is_none


def test_a_lost_name_of_a_file_is_missing_and_not_also_a_lost_link() -> None:
    assert compare(linked("abc"), linked("ab")) == compare(linked("ab", "c"), linked("ab"))


def test_a_path_that_is_there_twice_is_no_tree() -> None:
    with pytest.raises(ValueError, match="twice"):
        Tree.of([FILE, FILE])


@pytest.mark.parametrize(
    ("extents", "size_bytes", "widened_to"),
    [
        ([], 10, ()),
        ([(0, 10)], 10, None),
        ([(0, 1)], 65_537, ((0, 65_536),)),
        ([(65_530, 10)], 200_000, ((0, 131_072),)),
        ([(0, 4096), (131_072, 4096)], 200_000, ((0, 65_536), (131_072, 65_536))),
        ([(0, 4096), (65_536, 4096)], 131_072, None),
        ([], 0, None),
    ],
)
def test_extents_are_widened_so_that_block_sizes_do_not_show(
    extents: list[tuple[int, int]], size_bytes: int, widened_to: tuple[tuple[int, int], ...] | None
) -> None:
    assert widened(extents, size_bytes) == widened_to


def test_a_known_loss_excuses_that_loss_and_no_other_value() -> None:
    gone = Change(b"a", Attribute.ACL, "list", None)
    altered = Change(b"a", Attribute.ACL, "list", "other list")
    appeared = Change(b"a", Attribute.ACL, None, "list")
    loss = Loss(Attribute.ACL, becomes=None, source="test")
    assert [loss.excuses(change) for change in (gone, altered, appeared)] == [True, False, False]


def test_restic_is_excused_for_what_it_is_known_to_lose_and_for_nothing_else() -> None:
    excused = {loss.attribute for loss in movers.RESTIC.losses}
    assert excused == {Attribute.ACL, Attribute.CAPABILITY, Attribute.OTHER_XATTR, Attribute.HOLES, Attribute.SETGID}
    assert not excused & DATA


def test_an_unprivileged_restic_is_excused_for_its_own_ownership_only() -> None:
    mover = movers.named("restic as 1000:2000")
    for uid, is_excused in ((1000, True), (0, False)):
        difference = compare(Tree.of([FILE]), Tree.of([replace(FILE, uid=uid)]))
        assert difference.without(mover.losses).is_none is is_excused


@pytest.mark.parametrize("name", ["none", "restic", "restic as 0:1"])
def test_a_mover_is_found_by_the_name_the_ledger_keeps(name: str) -> None:
    assert movers.named(name).name == name


@pytest.mark.parametrize("name", ["", "tar", "restic as me", "kopia as 1:1"])
def test_an_unknown_mover_is_refused(name: str) -> None:
    with pytest.raises(Problem, match=r"No mover is called"):
        movers.named(name)


def test_a_long_difference_is_reported_in_part_with_the_count_of_the_rest() -> None:
    report = compare(generation(1).tree(), Tree.of([])).report(lines_max=3)
    assert len(report) == 4
    assert report[0] == "missing: .firedrill"
    assert report[-1].startswith("and ")
