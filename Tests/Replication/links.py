"""How are links between instances and servers cut and slowed? By a proxy for each of them, on loopback.

A link is open, slow (each chunk waits), frozen (nothing passes, connections stay: packets that are lost until the network is mended) or
broken (connections are reset and refused).
"""

import asyncio
import threading

OPEN, SLOW, FROZEN, BROKEN = "open", "slow", "frozen", "broken"
CHUNK_BYTES = 65536
# Of what was read and not passed on yet, in each direction of a connection: one chunk. The rest waits in the senders' sockets.


class Link:
    """One listener, and all connections through it."""

    def __init__(self, proxy, name, port, target):
        self.proxy = proxy
        self.name = name
        self.port = port
        self.target = target
        self.mode = OPEN
        self.delay = 0.0
        self.passes = None
        self.writers = set()
        self.server = None

    def set(self, mode, delay=0.0):
        self.proxy.call(self._set(mode, delay))

    async def _set(self, mode, delay):
        self.mode, self.delay = mode, delay
        if mode in (FROZEN, BROKEN):
            self.passes.clear()
        else:
            self.passes.set()
        if mode == BROKEN:
            for writer in list(self.writers):
                writer.transport.abort()

    async def open(self):
        self.passes = asyncio.Event()
        self.passes.set()
        self.server = await asyncio.start_server(self._accepted, "127.0.0.1", self.port)

    async def _accepted(self, reader, writer):
        self.writers.add(writer)
        other = None
        try:
            if self.mode == BROKEN:
                return
            await self.passes.wait()
            other_reader, other = await asyncio.open_connection("127.0.0.1", self.target)
            self.writers.add(other)
            await asyncio.gather(self._pump(reader, other), self._pump(other_reader, writer))
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            for one in (writer, other):
                if one is not None:
                    self.writers.discard(one)
                    one.transport.abort()

    async def _pump(self, reader, writer):
        while True:
            data = await reader.read(CHUNK_BYTES)
            if self.mode == SLOW:
                await asyncio.sleep(self.delay)
            await self.passes.wait()
            if not data:
                # The end of one direction ends both: neither side uses half-open connections.
                raise ConnectionResetError
            writer.write(data)
            await writer.drain()


class Proxy:
    """A thread with an event loop that carries all links."""

    def __init__(self):
        self.links = []
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    def call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(timeout=10)

    def link(self, name, port, target):
        link = Link(self, name, port, target)
        self.call(link.open())
        self.links.append(link)
        return link

    def close(self):
        async def end():
            for link in self.links:
                link.server.close()
                for writer in list(link.writers):
                    writer.transport.abort()
            for task in asyncio.all_tasks():
                if task is not asyncio.current_task():
                    task.cancel()

        try:
            self.call(end())
        finally:
            self.loop.call_soon_threadsafe(self.loop.stop)
            self.thread.join(timeout=10)
