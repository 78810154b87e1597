"""A relay that is late: every byte arrives, so many milliseconds after it was sent.

Runs on a host as `python3 -c` (standard library only): PORT ADDRESS TO_PORT MILLISECONDS.
Bytes are not held up by one another: what is sent at once arrives at once, only later.
"""

import asyncio
import sys

CHUNK = 65536


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float) -> None:
    """Carry what comes in, each piece after its delay, until there is no more."""
    loop = asyncio.get_running_loop()
    late: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def deliver() -> None:
        while True:
            due, data = await late.get()
            await asyncio.sleep(max(0.0, due - loop.time()))
            if not data:
                writer.write_eof()
                return
            writer.write(data)
            await writer.drain()

    delivery = asyncio.create_task(deliver())
    try:
        while data := await reader.read(CHUNK):
            late.put_nowait((loop.time() + delay, data))
    except OSError:
        pass
    late.put_nowait((loop.time() + delay, b""))
    try:
        await delivery
    except OSError:
        writer.close()  # so that the other direction ends as well


async def serve(port: int, address: str, to_port: int, delay: float) -> asyncio.Server:
    """Listen on loopback, and connect onwards for each that comes."""

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(2 * delay)  # the handshake that was answered here at once
        try:
            onwards, back = await asyncio.open_connection(address, to_port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(pump(reader, back, delay), pump(onwards, writer, delay))
        back.close()
        writer.close()

    return await asyncio.start_server(relay, "127.0.0.1", port)


async def main(port: str, address: str, to_port: str, milliseconds: str) -> None:
    """Relay until somebody ends it."""
    server = await serve(int(port), address, int(to_port), int(milliseconds) / 1000)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
