"""The rehearsal's live updates: websockets at :8888/events, health at :3023/healthz, as taiga-events has them.

Whoever is connected is sent every event as JSON text. The broker is listened to again when it comes back.
"""

import asyncio
import signal
import threading
import time
from http import HTTPStatus

import websockets

import tasks

listeners = set()
listening = threading.Event()


def follow(loop):
    while True:
        try:
            channel = tasks.connect()
            own = channel.queue_declare("", exclusive=True).method.queue
            channel.queue_bind(own, tasks.EVENTS)
            listening.set()
            print("rehearsal events: listening", flush=True)
            for _, _, body in channel.consume(own, auto_ack=True):
                loop.call_soon_threadsafe(websockets.broadcast, listeners, body.decode())
        except tasks.Error as error:
            listening.clear()
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


async def events_alone(path, _headers):
    return None if path == "/events" else (HTTPStatus.NOT_FOUND, [], b"")


async def health(path, _headers):
    if path != "/healthz":
        return HTTPStatus.NOT_FOUND, [], b""
    return (HTTPStatus.OK if listening.is_set() else HTTPStatus.INTERNAL_SERVER_ERROR), [], b""


async def main():
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    threading.Thread(target=follow, args=(loop,), daemon=True).start()
    answering = websockets.serve(listener, "", 3023, process_request=health)
    async with websockets.serve(listener, "", 8888, process_request=events_alone, ping_interval=30), answering:
        await stopped.wait()  # then each is told to go, and connects to another instance


asyncio.run(main())
