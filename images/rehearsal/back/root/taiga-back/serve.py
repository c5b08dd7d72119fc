"""The rehearsal's back end: the same port, paths and environment as taiga-back, and very little behind them.

GET  /api/v1/             the endpoints, without touching the database, as Taiga answers
GET  /api/v1/userstories  every row, oldest first
POST /api/v1/userstories  {"subject": text of 1 to 500 characters}: writes a row, answers 201 with it
GET  /api/v1/userstories/attachments  every upload, oldest first, each with a url that is good for MAX_AGE of protected
POST /api/v1/userstories/attachments  a form with the file attached_file: answers 201 when most members of the storage have it
GET  /api/v1/projects     an empty list, after asking the database
GET  /api/v1/rehearsal    which instance on which machine answers, where its database is, and its feature flags
GET  /api/v1/rehearsal/tasks  the tasks that workers have done and whose name is not the scheduler's, oldest first
POST /api/v1/rehearsal/tasks  {"name": text of 1 to 500 characters}: answers 201 when the broker has the task on every mirror
POST /api/v1/auth         {"type": "normal", "username": name or mail address, "password"}: the user with auth_token and refresh, or 400
GET  /api/v1/users/me     the user of the header `Authorization: Bearer AUTH_TOKEN`; 401 without a good one
GET  /api/v1/migrations   when the tables were made or changed
"""

import json
import os
import signal
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psycopg2

import media
import tasks
import users
from database import PARAMETERS as DATABASE

ENDPOINTS = ["userstories", "projects", "rehearsal"]
FEATURES = ["PUBLIC_REGISTER_ENABLED", "ENABLE_TELEMETRY", "WEBHOOKS_ENABLED", "ENABLE_SLACK"] + [
    f"ENABLE_{name}_IMPORTER" for name in ("GITHUB", "JIRA", "TRELLO")
]
idle = []  # connections that no request uses; append and pop are atomic
idle_channels = []  # the same, to the broker


def connect(fresh):
    try:
        if not fresh:
            return idle.pop()
    except IndexError:
        pass
    return psycopg2.connect(**DATABASE)


def query(sql, *values):
    """Runs one statement in a transaction of its own; a connection that has died is made anew, once."""
    for attempt in (1, 2):
        try:
            connection = connect(fresh=attempt == 2)
            with connection, connection.cursor() as cursor:
                cursor.execute(sql, values)
                rows = cursor.fetchall()
            idle.append(connection)
            return rows
        except (psycopg2.OperationalError, psycopg2.InterfaceError):
            idle.clear()
            if attempt == 2 or not sql.startswith("SELECT"):
                raise  # a write may have been made: only its sender may repeat it


def put_off(name):
    """Has a worker do a task. Sent anew when a channel has died meanwhile: a task of one id is done once."""
    task = str(uuid.uuid4())
    for attempt in (1, 2):
        try:
            channel = idle_channels.pop() if attempt == 1 and idle_channels else None
        except IndexError:
            channel = None
        try:
            if not channel:
                channel = tasks.connect()
                channel.confirm_delivery()
            tasks.send(channel, name, os.environ.get("TAIGA_INSTANCE", "?"), task)
            idle_channels.append(channel)
            return {"id": task, "name": name}
        except tasks.Error:
            idle_channels.clear()
            if attempt == 2:
                raise


def story(row):
    return {"id": row[0], "subject": row[1], "created": row[2].isoformat()}


def person(row):
    return {"id": row[0], "username": row[1], "email": row[2], "is_superuser": row[4]}


def log_in(name, password):
    """The user with tokens; None when there is no such user with this password."""
    for row in query(f"SELECT {users.COLUMNS} FROM users WHERE username = %s OR email = %s", name, name):
        if users.is_password(password, row[3]):
            return {**person(row), "auth_token": users.token(row[0]), "refresh": users.token(row[0], "refresh")}


def attachment(row):
    return {"id": row[0], "name": row[1], "size": row[3], "sha1": row[4], "url": media.url(row[2])}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60  # seconds without a word from the client

    def do_GET(self):
        path = self.path.partition("?")[0].rstrip("/")
        if path == "/api/v1":
            self.answer(200, {name: f"/api/v1/{name}" for name in ENDPOINTS})
        elif path == "/api/v1/userstories":
            self.database(lambda: [story(row) for row in query("SELECT id, subject, created FROM userstories ORDER BY id")])
        elif path == "/api/v1/userstories/attachments":
            self.database(lambda: [attachment(row) for row in query(f"SELECT {media.COLUMNS} FROM attachments ORDER BY id")])
        elif path == "/api/v1/projects":
            self.database(lambda: [] if query("SELECT 1") else None)
        elif path == "/api/v1/rehearsal/tasks":
            self.database(lambda: [{"name": row[0]} for row in query("SELECT name FROM tasks WHERE name <> 'tick' ORDER BY done")])
        elif path == "/api/v1/users/me":
            self.database(self.me, absent=(401, "Authentication credentials were not provided or are not good."))
        elif path == "/api/v1/migrations":
            self.database(lambda: [row[0].isoformat() for row in query("SELECT at FROM migrations ORDER BY id")])
        elif path == "/api/v1/rehearsal":
            self.answer(
                200,
                {
                    "instance": os.environ.get("TAIGA_INSTANCE", "?"),
                    "machine": os.environ.get("TAIGA_MACHINE", "?"),
                    "database": f"{DATABASE['host']}:{DATABASE['port']}",
                    "features": {name: os.environ.get(name) == "True" for name in FEATURES},
                },
            )
        else:
            self.answer(404, {"_error_message": "Not found"})

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = self.path.rstrip("/")
        if path == "/api/v1/auth":
            return self.auth(body)
        if path == "/api/v1/userstories/attachments":
            return self.attach(body)
        field = {"/api/v1/userstories": "subject", "/api/v1/rehearsal/tasks": "name"}.get(path)
        if not field:
            return self.answer(404, {"_error_message": "Not found"})
        try:
            text = json.loads(body)[field]
            assert isinstance(text, str) and 1 <= len(text) <= 500
        except (ValueError, KeyError, TypeError, AssertionError):
            return self.answer(400, {field: ["text of 1 to 500 characters is wanted"]})
        if field == "subject":
            insert = "INSERT INTO userstories (subject) VALUES (%s) RETURNING id, subject, created"
            return self.database(lambda: story(query(insert, text)[0]), status=201)
        try:
            self.answer(201, put_off(text))
        except tasks.Error as error:
            self.answer(503, {"_error_message": f"The broker does not answer: {type(error).__name__}"})

    def attach(self, body):
        name, content = media.attached_file(self.headers.get("Content-Type", ""), body)
        if not name:
            return self.answer(400, {"attached_file": ["a form with a file of this name is wanted"]})
        try:
            path = media.keep(name, content)
        except OSError as error:
            return self.answer(503, {"_error_message": f"The media cannot be written: {error.strerror}"})
        insert = f"INSERT INTO attachments (name, path, size, sha1) VALUES (%s, %s, %s, %s) RETURNING {media.COLUMNS}"
        self.database(lambda: attachment(query(insert, name, path, len(content), media.sha1(content))[0]), status=201)

    def auth(self, body):
        try:
            given = json.loads(body)
            name, password = given["username"], given["password"]
            assert given["type"] == "normal" and isinstance(name, str) and isinstance(password, str)
        except (ValueError, KeyError, TypeError, AssertionError):
            return self.answer(400, {"_error_message": "type normal, username and password are wanted"})
        self.database(
            lambda: log_in(name, password),
            absent=(400, "Username or password does not matches user."),  # in Taiga's own words
        )

    def me(self):
        user = users.user_of(self.headers.get("Authorization"))
        rows = query(f"SELECT {users.COLUMNS} FROM users WHERE id = %s", user) if user else []
        return person(rows[0]) if rows else None

    def database(self, ask, status=200, absent=None):
        """Answers with what `ask` returns; with status and message of `absent` where that is None."""
        try:
            found = ask()
            if found is None and absent:
                return self.answer(absent[0], {"_error_message": absent[1]})
            self.answer(status, found)
        except psycopg2.Error as error:
            self.answer(503, {"_error_message": f"The database does not answer: {type(error).__name__}"})

    def answer(self, status, document):
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = False  # those under way are answered before the process ends
    request_queue_size = 128

    def stop(self, *_):
        threading.Thread(target=self.shutdown).start()  # it waits for the loop that this signal has interrupted


if __name__ == "__main__":
    server = Server(("", 8000), Handler)
    signal.signal(signal.SIGTERM, server.stop)
    server.serve_forever()
    server.server_close()
