"""The rehearsal's worker: does the tasks in the queue, one after another, and tells those who listen to events.

A task is in the database when it is done, and only then off the queue: one that comes twice is done once.
"""

import json
import os
import signal
import threading

import psycopg2

import database
import tasks

NAME = f"{os.environ.get('TAIGA_INSTANCE', '?')} on {os.environ.get('TAIGA_MACHINE', '?')}"
DONE = "INSERT INTO tasks (id, name, sender, worker) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING"
stopped = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stopped.set())


def work(channel, connection):
    channel.basic_qos(prefetch_count=1)
    for method, _, body in channel.consume(tasks.QUEUE, inactivity_timeout=1):
        if stopped.is_set():
            return
        if method is None:
            continue
        task = json.loads(body)
        with connection, connection.cursor() as cursor:
            cursor.execute(DONE, (task["id"], task["task"], task["sender"], NAME))
        tasks.tell(channel, {"task": task["task"], "id": task["id"]})
        channel.basic_ack(method.delivery_tag)


print(f"rehearsal worker {NAME}", flush=True)
while not stopped.is_set():
    channel = connection = None
    try:
        channel, connection = tasks.connect(), psycopg2.connect(**database.PARAMETERS)
        work(channel, connection)
    except (*tasks.Error, psycopg2.Error) as error:
        print(f"the queue or the database does not answer: {type(error).__name__}", flush=True)
        stopped.wait(5)
    finally:
        try:
            if channel and channel.connection.is_open:
                channel.connection.close()  # what was not acknowledged goes to another
        except tasks.Error:
            pass
        if connection:
            connection.close()
