"""Generations are computed, not remembered: equal input gives equal trees, any other input gives others."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fixtures.entry import MARKER_PATH, Entry, Kind, shown
from fixtures.tree import Attribute, compare, same_data
from fixtures.workload import FIRST_RUN, Content, Generation, Workload, read_marker
from tests.scene import NONCE, SMALL, VOLUME, generation

AS_ROOT = replace(SMALL, owner=None)


def entries_of(number: int, *, nonce: str = NONCE, volume: str = VOLUME) -> dict[bytes, Entry]:
    return dict(AS_ROOT.generation(number, nonce=nonce, volume=volume).tree().entries)


def contents(entries: dict[bytes, Entry]) -> set[str]:
    # An empty file and a file that is one hole say nothing about who wrote them.
    mute = {hashlib.sha256(bytes(size)).hexdigest() for size in (0, 1024 * 1024)}
    return {entry.sha256 for entry in entries.values() if entry.sha256 is not None} - mute


def test_equal_input_gives_equal_trees() -> None:
    assert generation(3).tree() == generation(3).tree()


@pytest.mark.parametrize(
    "other",
    [
        AS_ROOT.generation(1, nonce="another-nonce", volume=VOLUME),
        AS_ROOT.generation(1, nonce=NONCE, volume="orders/other"),
        replace(AS_ROOT, seed=8).generation(1, nonce=NONCE, volume=VOLUME),
    ],
    ids=["nonce", "volume", "seed"],
)
def test_no_content_is_shared_with_another_run_volume_or_seed(other: Generation) -> None:
    assert not contents(entries_of(1)) & contents(dict(other.tree().entries))


def test_every_file_with_content_is_unlike_every_other_in_its_volume() -> None:
    files = [entry for entry in entries_of(1).values() if entry.kind is Kind.FILE and entry.link_group is None]
    assert len({entry.sha256 for entry in files}) == len(files) - 1  # two of them are empty


@settings(max_examples=10)
@given(number=st.integers(1, 50), files=st.integers(5, 60), seed=st.integers(0, 2**32))
def test_a_generation_changes_adds_removes_and_keeps_files(number: int, files: int, seed: int) -> None:
    workload = replace(AS_ROOT, files=files, seed=seed)
    before = workload.generation(number, nonce=NONCE, volume=VOLUME).tree()
    after = workload.generation(number + 1, nonce=NONCE, volume=VOLUME).tree()
    difference = compare(before, after)
    small = [path for path in after.entries if path.startswith(b"small/") and path.endswith(b".bin")]
    changed = {change.path for change in difference.changes if change.attribute is Attribute.CONTENT}
    kept = [path for path in small if path in before.entries and same_data(before.entries[path], after.entries[path])]
    assert len(small) == files
    assert any(path.startswith(b"small/") for path in difference.missing)
    assert any(path.startswith(b"small/") for path in difference.extra)
    assert changed & set(small)
    assert kept


def test_a_file_that_a_generation_leaves_alone_keeps_the_stamp_of_the_one_that_wrote_it() -> None:
    path = b"modes/file-4755"
    assert entries_of(5)[path] == entries_of(1)[path]
    stamp = entries_of(5)[path].stamp
    assert stamp is not None
    assert (stamp.nonce, stamp.volume, stamp.generation) == (NONCE, VOLUME, 1)


def test_a_mode_an_xattr_and_a_kind_change_between_generations_without_the_content() -> None:
    changes = compare(generation(1).tree(), generation(2).tree()).changes
    found = {(change.path, change.attribute) for change in changes}
    assert {
        (b"modes/changes-mode", Attribute.MODE),
        (b"xattrs/user", Attribute.USER_XATTR),
        (b"turns/file-or-link", Attribute.KIND),
    } <= found
    assert (b"modes/changes-mode", Attribute.CONTENT) not in found


def test_a_tree_has_everything_that_a_copy_could_lose() -> None:
    entries = entries_of(1)
    names = [path.rpartition(b"/")[2] for path in entries]
    xattrs = {name for entry in entries.values() for name, _ in entry.xattrs}
    assert {entry.kind for entry in entries.values()} == {Kind.FILE, Kind.FOLDER, Kind.SYMLINK, Kind.FIFO}
    assert max(map(len, names)) == 255
    assert "caf\u00e9".encode() in names
    assert "cafe\u0301".encode() in names
    assert any(b"\n" in name for name in names)
    assert any(b"\xff" in name for name in names)
    assert {0o4000, 0o2000, 0o1000} <= {
        entry.mode & bit for entry in entries.values() for bit in (0o4000, 0o2000, 0o1000)
    }
    assert len({(entry.uid, entry.gid) for entry in entries.values()}) > 3
    assert any(entry.mtime_ns % 1000 for entry in entries.values())
    assert {"user.binary", "system.posix_acl_access", "system.posix_acl_default", "security.capability"} <= xattrs
    assert any(entry.data_extents is not None for entry in entries.values())
    assert any(entry.link_group is not None for entry in entries.values())
    assert any(entry.target is not None and entry.target not in entries for entry in entries.values())
    assert any(entry.kind is Kind.FILE and entry.size_bytes == 0 for entry in entries.values())


def test_an_unprivileged_writer_gets_only_what_it_may_set() -> None:
    entries = replace(AS_ROOT, owner=(1000, 2000)).generation(1, nonce=NONCE, volume=VOLUME).tree().entries.values()
    assert {(entry.uid, entry.gid) for entry in entries} == {(1000, 2000)}
    assert not any(name.startswith("security.") for entry in entries for name, _ in entry.xattrs)
    assert all(entry.mode & 0o400 for entry in entries)


def test_the_marker_file_says_in_clear_text_whose_data_it_is() -> None:
    tree = generation(4).tree()
    assert tree.header.marker is not None
    assert read_marker(tree.header.marker) == (VOLUME, 4, NONCE)
    assert tree.entries[MARKER_PATH].sha256 == hashlib.sha256(tree.header.marker.encode()).hexdigest()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"firedrill": 1}', '{"firedrill": {"volume": "a/b"}}'])
def test_a_damaged_marker_names_nobody(text: str) -> None:
    assert read_marker(text) is None


def test_first_run_data_is_one_file_that_no_generation_has() -> None:
    first_run = entries_of(FIRST_RUN)
    assert list(first_run) == [b"config.ini"]
    assert not first_run.keys() & entries_of(1).keys()


def test_a_generation_travels_to_the_pod_as_text() -> None:
    assert Generation.from_json(generation(2).to_json()) == generation(2)
    as_user = replace(SMALL, owner=(1, 2)).generation(2, nonce=NONCE, volume=VOLUME)
    assert Generation.from_json(as_user.to_json()) == as_user


def test_holes_are_hashed_as_the_zeros_that_a_reader_sees() -> None:
    content = Content(key=b"k", head=b"head", size_bytes=100, extents=((10, 5), (50, 7)))
    whole = bytearray(100)
    for offset, data in content.chunks():
        whole[offset : offset + len(data)] = data
    assert content.sha256() == hashlib.sha256(whole).hexdigest()


def test_all_mistakes_in_a_workload_are_named_at_once() -> None:
    with pytest.raises(ValueError, match=r"files is 0, must be 1 or more; file_size_bytes is 4, must be 512 or more"):
        Workload(files=0, file_size_bytes=4)


@pytest.mark.parametrize(
    ("number", "nonce", "volume", "why"),
    [
        (-1, NONCE, VOLUME, "they count from 1"),
        (1, "no spaces", VOLUME, "4 to 64 of"),
        (1, NONCE, "data", "NAMESPACE/PVC"),
        (1, NONCE, "a/b\n", "NAMESPACE/PVC"),
    ],
)
def test_a_generation_that_cannot_be_is_refused_with_the_reason(number: int, nonce: str, volume: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        SMALL.generation(number, nonce=nonce, volume=volume)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"workload": {"size": 1}}', '{"workload": {"files": "many"}}'])
def test_a_specification_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Generation.from_json(text)


def test_paths_are_shown_so_that_people_can_tell_them_apart() -> None:
    assert shown("names/caf\u00e9".encode()) == "names/caf%C3%A9"
    assert shown(b"names/new\nline 100%") == "names/new%0Aline%20100%25"
