#!/usr/bin/python3
"""One daemon's way to the database: passes everything on between two unix sockets. Halted (SIGSTOP), it is a network that has gone silent.
   relay.py SOCKET SERVER'S-SOCKET"""
import asyncio
import sys


async def pump(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    writer.close()


async def accept(reader, writer):
    try:
        server_reader, server_writer = await asyncio.open_unix_connection(sys.argv[2])
    except OSError:
        writer.close()
        return
    await asyncio.gather(pump(reader, server_writer), pump(server_reader, writer))


async def main():
    server = await asyncio.start_unix_server(accept, sys.argv[1])
    print("listens", flush=True)
    await server.serve_forever()


asyncio.run(main())
