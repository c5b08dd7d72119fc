"""The rehearsal's live updates: websockets at :8888/events, health at :8888/healthz.

Whoever is connected is sent every event as JSON text. The broker is listened to again when it comes back.
"""

import asyncio
import signal
import threading
import time

import websockets

import tasks

listeners = set()


def follow(loop):
    while True:
        try:
            channel = tasks.connect()
            own = channel.queue_declare("", exclusive=True).method.queue
            channel.queue_bind(own, tasks.EVENTS)
            print("rehearsal events: listening", flush=True)
            for _, _, body in channel.consume(own, auto_ack=True):
                loop.call_soon_threadsafe(websockets.broadcast, listeners, body.decode())
        except tasks.Error as error:
            print(f"the broker does not answer: {type(error).__name__}", flush=True)
            time.sleep(5)


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
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    threading.Thread(target=follow, args=(loop,), daemon=True).start()
    async with websockets.serve(listener, "", 8888, process_request=health, ping_interval=30):
        await stopped.wait()  # then each is told to go, and connects to another instance


asyncio.run(main())
