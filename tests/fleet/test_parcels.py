from __future__ import annotations

from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trader.errors import WireError
from trader.fleet.parcels import Frames, Unpacker, pack_frames, pack_word

frames = st.builds(Frames, st.integers(0, 2**32 - 1), st.integers(0, 2**63), st.lists(st.binary(max_size=40), max_size=5))
words = st.dictionaries(st.text(max_size=5), st.integers(-5, 5) | st.text(max_size=5) | st.lists(st.integers(0, 9), max_size=3), max_size=3)


def packed(parcel) -> bytes:
    if isinstance(parcel, Frames):
        return pack_frames(parcel.connection, parcel.received_ns, parcel.payloads)
    return pack_word(parcel)


@given(st.lists(frames | words, max_size=6), st.lists(st.integers(0, 400), max_size=6))
def test_parcels_survive_the_way_however_the_bytes_are_cut(parcels, cuts):
    data = b"".join(map(packed, parcels))
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    unpacker = Unpacker()
    came = [parcel for start, end in pairwise(edges) for parcel in unpacker.feed(data[start:end])]
    assert came == parcels


@given(st.binary(max_size=64))
def test_bytes_that_nobody_packed_raise_only_the_error_for_that(data):
    with suppress(WireError):
        list(Unpacker().feed(data))


def test_a_parcel_that_is_cut_off_waits_for_its_rest():
    whole, unpacker = pack_frames(1, 2, [b"abc"]), Unpacker()
    assert list(unpacker.feed(whole[:-1])) == []
    assert list(unpacker.feed(whole[-1:])) == [Frames(1, 2, [b"abc"])]


@pytest.mark.parametrize("data", [
    b"\x00\x00\x00\x00\x01", b"\xff\xff\xff\xff\x01", b"\x01\x00\x00\x00\x07", b"\x03\x00\x00\x00\x01[]", b"\x04\x00\x00\x00\x01{{{",
    b"\x03\x00\x00\x00\x00ab",
], ids=["no length", "endless", "unknown kind", "no object", "no JSON", "no batch"])
def test_what_nobody_packed_is_refused(data):
    with pytest.raises(WireError):
        list(Unpacker().feed(data))
