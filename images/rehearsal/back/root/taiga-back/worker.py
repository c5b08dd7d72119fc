"""The rehearsal's worker: does the tasks in the queue, one after another, and tells those who listen to events."""

import os
import signal
import threading

import psycopg2

import tasks

NAME = f"{os.environ.get('TAIGA_INSTANCE', '?')} on {os.environ.get('TAIGA_MACHINE', '?')}"
stopped = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stopped.set())
print(f"rehearsal worker {NAME}", flush=True)
connection = None
while not stopped.is_set():
    try:
        connection = connection or tasks.connect()
        if tasks.work_off(connection, NAME) is None:
            stopped.wait(1)
    except psycopg2.Error as error:
        print(f"the queue does not answer: {type(error).__name__}", flush=True)
        connection = None
        stopped.wait(2)
