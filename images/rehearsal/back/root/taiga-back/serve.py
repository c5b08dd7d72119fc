"""The rehearsal's back end: the same port, paths and environment as taiga-back, and very little behind them.

GET  /api/v1/             the endpoints, without touching the database, as Taiga answers
GET  /api/v1/userstories  every row, oldest first
POST /api/v1/userstories  {"subject": text of 1 to 500 characters}: writes a row, answers 201 with it
GET  /api/v1/projects     an empty list, after asking the database
GET  /api/v1/rehearsal    which instance on which machine answers, where its database is, and its feature flags
GET  /api/v1/migrations   when the tables were made or changed
"""

import json
import os
import signal
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psycopg2

from database import PARAMETERS as DATABASE

ENDPOINTS = ["userstories", "projects", "rehearsal"]
FEATURES = ["PUBLIC_REGISTER_ENABLED", "ENABLE_TELEMETRY", "WEBHOOKS_ENABLED", "ENABLE_SLACK"] + [
    f"ENABLE_{name}_IMPORTER" for name in ("GITHUB", "JIRA", "TRELLO")
]
idle = []  # connections that no request uses; append and pop are atomic


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


def story(row):
    return {"id": row[0], "subject": row[1], "created": row[2].isoformat()}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60  # seconds without a word from the client

    def do_GET(self):
        path = self.path.partition("?")[0].rstrip("/")
        if path == "/api/v1":
            self.answer(200, {name: f"/api/v1/{name}" for name in ENDPOINTS})
        elif path == "/api/v1/userstories":
            self.database(lambda: [story(row) for row in query("SELECT id, subject, created FROM userstories ORDER BY id")])
        elif path == "/api/v1/projects":
            self.database(lambda: [] if query("SELECT 1") else None)
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
        if self.path.rstrip("/") != "/api/v1/userstories":
            return self.answer(404, {"_error_message": "Not found"})
        try:
            subject = json.loads(body)["subject"]
            assert isinstance(subject, str) and 1 <= len(subject) <= 500
        except (ValueError, KeyError, TypeError, AssertionError):
            return self.answer(400, {"subject": ["text of 1 to 500 characters is wanted"]})
        insert = "INSERT INTO userstories (subject) VALUES (%s) RETURNING id, subject, created"
        self.database(lambda: story(query(insert, subject)[0]), status=201)

    def database(self, ask, status=200):
        try:
            self.answer(status, ask())
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
