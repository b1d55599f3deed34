import asyncio
from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs

from engine.api import Bounds
from engine.api.operations import BODY_BYTES_MAX
from tests.engine.api.example import LARGE_BODY_BYTES_MAX
from tests.engine.api.serving import ALICE, JSON, Served, serving
from tests.engine.api.test_bodies import payment

SOON = Bounds(request_limit_s=0.05)


async def chunks(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // 1024):
        yield b" " * 1024


async def raw(served: Served, head: str, body: bytes) -> str:
    """Send bytes as they are and return all that comes back until the connection is closed."""
    reader, writer = await asyncio.open_connection(served.host, served.port)
    try:
        lines = [head, "Host: campus", "Authorization: Bearer token-of-alice"]
        lines += ["Content-Type: application/json", "", ""]
        writer.write("\r\n".join(lines).encode() + body)
        return (await reader.read()).decode()
    finally:
        writer.close()
        await writer.wait_closed()


def padded(size: int) -> bytes:
    return payment().ljust(size)


async def test_a_body_of_the_largest_size_is_taken(served: Served) -> None:
    answer = await served.client.post(
        "/v1/payments", content=padded(BODY_BYTES_MAX), headers=ALICE | JSON
    )
    assert answer.status_code == 201


async def test_a_body_that_says_it_is_too_large_is_not_read(served: Served) -> None:
    head = f"POST /v1/payments HTTP/1.1\r\nContent-Length: {BODY_BYTES_MAX + 1}"
    answer = await raw(served, f"{head}\r\nConnection: close", b"")
    assert answer.startswith("HTTP/1.1 413")
    assert '"code":"body_too_large"' in answer
    assert f'"limit_bytes":{BODY_BYTES_MAX}' in answer


async def test_the_connection_of_a_body_too_large_can_be_used_again(served: Served) -> None:
    for _ in range(2):
        answer = await served.client.post(
            "/v1/payments", content=padded(BODY_BYTES_MAX * 3), headers=ALICE | JSON
        )
        assert answer.status_code == 413


async def test_a_body_that_does_not_say_its_size_is_cut_off(served: Served) -> None:
    answer = await served.client.post(
        "/v1/payments", content=chunks(BODY_BYTES_MAX + 1024), headers=ALICE | JSON
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


async def test_a_body_in_pieces_is_put_together(served: Served) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        body = payment()
        yield body[:30]
        yield body[30:]

    answer = await served.client.post("/v1/payments", content=pieces(), headers=ALICE | JSON)
    assert answer.status_code == 201


async def test_an_operation_may_take_more(served: Served) -> None:
    taken = await served.client.post(
        "/v1/loads", content=padded(LARGE_BODY_BYTES_MAX), headers=JSON
    )
    refused = await served.client.post(
        "/v1/loads", content=padded(LARGE_BODY_BYTES_MAX + 1), headers=JSON
    )
    assert (taken.status_code, refused.status_code) == (200, 413)


async def test_a_stranger_is_refused_before_his_body_is_read(served: Served) -> None:
    answer = await served.client.post(
        "/v1/payments", content=chunks(BODY_BYTES_MAX * 2), headers=JSON
    )
    assert answer.status_code == 401


async def test_bytes_beyond_the_length_that_was_said_close_the_connection(served: Served) -> None:
    body = payment()
    head = f"POST /v1/payments HTTP/1.1\r\nContent-Length: {len(body) - 1}"
    answer = await raw(served, head, body)
    assert answer.startswith("HTTP/1.1 400")


@pytest.mark.parametrize("sent", [b"", b'{"amount_fen"'])
async def test_a_body_that_does_not_come_ends_in_time_and_frees_its_connection(
    sent: bytes,
) -> None:
    async with serving(bounds=SOON) as served:
        answer = await raw(served, "POST /v1/payments HTTP/1.1\r\nContent-Length: 100", sent)
    assert answer.startswith("HTTP/1.1 503")
    assert '"code":"timed_out"' in answer
    assert "retry-after: 1" in answer


async def test_a_body_that_trickles_ends_in_time() -> None:
    async with serving(bounds=SOON) as served:
        reader, writer = await asyncio.open_connection(served.host, served.port)
        writer.write(b"POST /v1/loads HTTP/1.1\r\nHost: campus\r\nTransfer-Encoding: chunked\r\n")
        writer.write(b"Content-Type: application/json\r\n\r\n")
        answer = asyncio.ensure_future(reader.readline())
        while not answer.done():
            writer.write(b"1\r\n \r\n")
            await asyncio.wait({answer}, timeout=SOON.request_limit_s / 5)
        writer.close()
    assert (await answer).startswith(b"HTTP/1.1 503")


async def test_who_is_slow_with_his_body_takes_nobodys_place() -> None:
    async with serving(bounds=Bounds(working_max=1)) as served:
        reader, writer = await asyncio.open_connection(served.host, served.port)
        writer.write(b"POST /v1/loads HTTP/1.1\r\nHost: campus\r\nContent-Length: 9\r\n")
        writer.write(b"Content-Type: application/json\r\nExpect: 100-continue\r\n\r\n")
        assert await reader.readline() == b"HTTP/1.1 100 Continue\r\n"  # his body is waited for
        answer = await served.client.post("/v1/visits")
        writer.close()
    assert answer.status_code == 200


async def test_who_leaves_before_his_body_is_there_gets_no_answer_and_is_logged() -> None:
    with capture_logs() as logged:
        async with serving() as served:
            reader, writer = await asyncio.open_connection(served.host, served.port)
            writer.write(b"POST /v1/loads HTTP/1.1\r\nHost: campus\r\nContent-Length: 9\r\n")
            writer.write(b"Content-Type: application/json\r\nExpect: 100-continue\r\n\r\n")
            await reader.readline()
            writer.close()
            await writer.wait_closed()
    assert [line["status"] for line in logged] == [499]
