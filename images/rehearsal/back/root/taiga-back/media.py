"""The rehearsal's media: files below /taiga-back/media, the same tree on every machine, as the paths are Taiga's."""

import hashlib
import hmac
import os
import re
import time
import uuid
from email.parser import BytesParser
from email.policy import HTTP

ROOT = "/taiga-back/media"
COLUMNS = "id, name, path, size, sha1"


def attached_file(content_type, body):
    """Name and content of a form's file `attached_file` (RFC 7578); (None, None) when there is none."""
    form = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
    for part in form.iter_parts() if form.is_multipart() else ():
        if part.get_param("name", header="Content-Disposition") == "attached_file":
            name = os.path.basename(part.get_filename() or "").strip(".")
            return (name or None), part.get_payload(decode=True)
    return None, None


def keep(name, content):
    """Writes a file that is there, whole and durable, when this returns; its path below the root. Raises OSError."""
    digits = uuid.uuid4().hex
    folder = f"attachments/{digits[:2]}"
    path = f"{folder}/{digits[2:]}-{re.sub(r'[^0-9A-Za-z._-]', '_', name)}"  # as Taiga names files
    made = not os.path.isdir(f"{ROOT}/{folder}")
    os.makedirs(f"{ROOT}/{folder}", exist_ok=True)
    with open(f"{ROOT}/{path}", "xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    sync_folder(f"{ROOT}/{folder}")
    if made:
        sync_folder(f"{ROOT}/attachments")
    return path


def sync_folder(path):
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def url(path):
    """Where the gateway shows a file to who has this token (protected.py)."""
    seconds = int(time.time())
    signature = hmac.new(os.environ["TAIGA_SECRET_KEY"].encode(), f"{path}:{seconds}".encode(), hashlib.sha256).hexdigest()
    site = f"{os.environ['TAIGA_SITES_SCHEME']}://{os.environ['TAIGA_SITES_DOMAIN']}"
    return f"{site}/media/{path}?token={seconds}:{signature}"


def sha1(content):
    return hashlib.sha1(content).hexdigest()
