"""The rehearsal's scheduler: a tick a second, each logged on the machine's own disk, and every fifth sent to the workers.

Beside the ticks it has a job that is due every 20 s, as Celery's beat has its jobs: when it last ran is kept in the file of
`-s`, so its first run comes that long after the file was made, or at once where the file is old. Runs are logged as ticks are.

It looks before each tick whether the machine still holds the scheduler's key (/run/beat/until: see libexec/hold).
"""

import os
import signal
import sys
import threading
import time
from datetime import datetime, timezone

import tasks
from interval import Interval

MACHINE = os.environ.get("TAIGA_MACHINE", "?")
SENT = 5  # of so many ticks one is sent
EVERY = 20  # seconds from a run of the job to the next
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
job = Interval(sys.argv[sys.argv.index("-s") + 1], EVERY)
with open("/var/lib/beat/ticks.log", "a") as log, open("/var/lib/beat/runs.log", "a") as runs:
    while not stopped.wait(1):
        mine = term()
        if not mine:
            sys.exit("the scheduler's key is no longer this machine's")
        now = datetime.now(timezone.utc)
        print(now.isoformat(), MACHINE, mine, file=log, flush=True)
        if job.runs(now.timestamp()):
            print(now.isoformat(), MACHINE, mine, file=runs, flush=True)
        if count % SENT == 0:
            due.set()
        count += 1
