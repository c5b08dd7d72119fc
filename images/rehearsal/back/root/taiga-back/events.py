"""The rehearsal's live updates: websockets at :8888/events, health at :8888/healthz.

Whoever is connected is sent every event as JSON text. The source of events is listened to again when it comes back.
"""

import asyncio
import signal

import psycopg2
import websockets

import tasks

listeners = set()


async def follow():
    while True:
        try:
            connection = await asyncio.to_thread(tasks.connect)
            connection.autocommit = True
            connection.cursor().execute("LISTEN events")
            print("rehearsal events: listening", flush=True)
            while True:
                await asyncio.sleep(0.2)
                connection.poll()
                while connection.notifies:
                    websockets.broadcast(listeners, connection.notifies.pop(0).payload)
        except psycopg2.Error as error:
            print(f"the source of events does not answer: {type(error).__name__}", flush=True)
            await asyncio.sleep(1)


async def listener(socket):
    listeners.add(socket)
    try:
        async for _ in socket:  # what a client says is of no matter here
            pass
    except websockets.ConnectionClosed:
        pass
    finally:
        listeners.discard(socket)


async def health(path, _headers):
    if path == "/healthz":
        return 200, [("Content-Type", "text/plain")], b"ok\n"
    return None if path == "/events" else (404, [], b"")


async def main():
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    following = asyncio.create_task(follow())
    async with websockets.serve(listener, "", 8888, process_request=health, ping_interval=30):
        await stopped.wait()  # then each is told to go, and connects to another instance
    following.cancel()


asyncio.run(main())
