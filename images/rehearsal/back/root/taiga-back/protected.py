"""The rehearsal's keeper of media, with taiga-protected's contract: port 8003, SECRET_KEY, MAX_AGE (seconds).

GET /PATH?token=SECONDS:SIGNATURE  when the signature is good and not older than MAX_AGE: 200 with X-Accel-Redirect
/_protected/PATH, which has the gateway send the file; otherwise 403. SIGNATURE is the HMAC-SHA256 of PATH:SECONDS.
"""

import hashlib
import hmac
import os
import signal
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

KEY = os.environ["SECRET_KEY"].encode()
MAX_AGE = int(os.environ.get("MAX_AGE", "360"))


def is_good(path, token):
    seconds, _, signature = token.partition(":")
    if not seconds.isdecimal() or not 0 <= time.time() - int(seconds) <= MAX_AGE:
        return False
    return hmac.compare_digest(hmac.new(KEY, f"{path}:{seconds}".encode(), hashlib.sha256).hexdigest(), signature)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60  # seconds without a word from the client

    def do_GET(self):
        url = urlsplit(self.path)
        good = ".." not in unquote(url.path) and is_good(url.path.lstrip("/"), parse_qs(url.query).get("token", [""])[0])
        self.send_response(200 if good else 403)
        if good:
            self.send_header("X-Accel-Redirect", f"/_protected{url.path}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = False  # those under way are answered before the process ends

    def stop(self, *_):
        threading.Thread(target=self.shutdown).start()


if __name__ == "__main__":
    server = Server(("", 8003), Handler)
    signal.signal(signal.SIGTERM, server.stop)
    server.serve_forever()
    server.server_close()
