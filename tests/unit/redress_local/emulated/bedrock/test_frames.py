"""Frames are what botocore's decoder reads."""

import json

import pytest
from botocore.eventstream import ChecksumMismatch, EventStreamBuffer, EventStreamMessage
from hypothesis import given
from hypothesis import strategies as st
from redress_local.emulated.bedrock import frames

NAMES = st.text(min_size=1, max_size=40).filter(lambda text: 0 < len(text.encode()) < 256)


def decoded(data: bytes) -> list[EventStreamMessage]:
    buffer = EventStreamBuffer()
    buffer.add_data(data)
    return list(buffer)


@given(st.dictionaries(NAMES, st.text(max_size=300), max_size=5), st.binary(max_size=2_000))
def test_what_is_encoded_is_decoded(headers: dict[str, str], payload: bytes) -> None:
    (message,) = decoded(frames.encode(headers, payload))
    assert (message.headers, message.payload) == (headers, payload)


@given(st.binary(max_size=100), st.data())
def test_a_flipped_bit_is_noticed(payload: bytes, data: st.DataObject) -> None:
    frame = bytearray(frames.encode({":event-type": "x"}, payload))
    # The first lengths may also make the frame longer than what came: then nothing is decoded.
    frame[data.draw(st.integers(8, len(frame) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(ChecksumMismatch):
        decoded(bytes(frame))


def test_an_event_and_an_exception() -> None:
    data = frames.event("messageStart", {"role": "Zoë"}) + frames.exception("e", {"message": "m"})
    first, second = decoded(data)
    assert first.to_response_dict()["status_code"] == 200
    assert json.loads(first.payload) == {"role": "Zoë"}
    assert first.headers[":event-type"] == "messageStart"
    assert second.to_response_dict()["status_code"] == 400
    assert second.headers[":exception-type"] == "e"
