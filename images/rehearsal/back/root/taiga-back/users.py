"""The rehearsal's users, in Taiga's terms: Django's way of keeping passwords, and tokens (JWT, HS256) of the secret key."""

import base64
import hashlib
import hmac
import os
import time

import jwt

SECRET_KEY = os.environ.get("TAIGA_SECRET_KEY", "")
ROUNDS = 260_000  # Django 3.2's
LIFETIME = {"access": 24 * 3600, "refresh": 8 * 24 * 3600}  # seconds; taiga-back's settings
COLUMNS = "id, username, email, password, is_superuser"


def hashed(password, salt, rounds=ROUNDS):
    digest = hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), rounds)
    return f"pbkdf2_sha256${rounds}${salt}${base64.b64encode(digest).decode()}"


def is_password(password, kept):
    _, rounds, salt, _ = kept.split("$")
    return hmac.compare_digest(hashed(password, salt, int(rounds)), kept)


def token(user, kind="access"):
    claims = {"token_type": kind, "exp": int(time.time()) + LIFETIME[kind], "user_id": user}
    return jwt.encode(claims, SECRET_KEY, algorithm="HS256")


def user_of(header):
    """Whose token an Authorization header has; None when it has none that is good."""
    scheme, _, text = (header or "").partition(" ")
    try:
        claims = jwt.decode(text, SECRET_KEY, algorithms=["HS256"])
        return claims["user_id"] if scheme == "Bearer" and claims["token_type"] == "access" else None
    except (jwt.InvalidTokenError, KeyError):
        return None
