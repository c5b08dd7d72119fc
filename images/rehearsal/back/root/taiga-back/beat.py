"""The rehearsal's scheduler: a tick a second, each logged on the machine's own disk, and every fifth sent to the workers.

It looks before each tick whether the machine still holds the scheduler's key (/run/beat/until: see libexec/hold).
"""

import os
import signal
import sys
import threading
import time
from datetime import datetime, timezone

import tasks

MACHINE = os.environ.get("TAIGA_MACHINE", "?")
SENT = 5  # of so many ticks one is sent
stopped = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stopped.set())


def term():
    """The number of this machine's turn; None when it is over."""
    with open("/run/beat/until") as file:
        until, number = file.read().split()
    return number if time.clock_gettime(time.CLOCK_BOOTTIME) < int(until) else None


def deliver():
    """Sends a tick that is due at its own pace: a broker that is away must not hold the ticks up."""
    channel = None
    while not stopped.is_set():
        due.wait()
        due.clear()
        try:
            if not channel:
                channel = tasks.connect()
                channel.confirm_delivery()
            if term():
                tasks.send(channel, "tick", MACHINE)
        except tasks.Error as error:
            print(f"a tick was not sent: {type(error).__name__}", flush=True)
            channel = None


due = threading.Event()
threading.Thread(target=deliver, daemon=True).start()
print(f"rehearsal scheduler on {MACHINE}", flush=True)
count = 0
with open("/var/lib/beat/ticks.log", "a") as log:
    while not stopped.wait(1):
        mine = term()
        if not mine:
            sys.exit("the scheduler's key is no longer this machine's")
        print(datetime.now(timezone.utc).isoformat(), MACHINE, mine, file=log, flush=True)
        if count % SENT == 0:
            due.set()
        count += 1
