"""The rehearsal's queue of tasks and its events, on the database until there is a broker."""

import os

import psycopg2

DATABASE = {
    "dbname": os.environ["POSTGRES_DB"],
    "user": os.environ["POSTGRES_USER"],
    "password": os.environ["POSTGRES_PASSWORD"],
    "host": os.environ["POSTGRES_HOST"],
    "port": os.environ.get("POSTGRES_PORT", "5432"),
    "connect_timeout": 5,
    "application_name": "taiga-rehearsal-tasks",
}


def connect():
    return psycopg2.connect(**DATABASE)


def send(connection, name, sender):
    with connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO tasks (name, sender) VALUES (%s, %s)", (name, sender))


def work_off(connection, worker):
    """Does the oldest task that no other worker does; returns its name, or None. One that dies lets go of its task."""
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT id, name FROM tasks WHERE done IS NULL ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED")
        task = cursor.fetchone()
        if task is None:
            return None
        cursor.execute("UPDATE tasks SET worker = %s, done = now() WHERE id = %s", (worker, task[0]))
        cursor.execute("SELECT pg_notify('events', json_build_object('task', %s, 'id', %s)::text)", (task[1], task[0]))
    return task[1]
