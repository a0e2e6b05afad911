"""How servers of our own are asked whether they answer."""

import asyncio

import pytest

from app.cli import local_ports


@pytest.mark.parametrize(("host", "name"), [("127.0.0.1", "127.0.0.1"), ("::1", "[::1]")])
async def test_ask_names_the_host_as_a_url_does(host: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    heads = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        writer.close()

    connect = asyncio.open_connection
    monkeypatch.setattr(asyncio, "open_connection", lambda _, port: connect("127.0.0.1", port))
    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        answer = await local_ports.ask(host, port, "/health/live")

    assert answer is not None
    assert answer.status == 204
    assert f"\r\nHost: {name}:{port}\r\n" in heads[0]
