"""The first user, as Django's `createsuperuser --noinput` makes one: of DJANGO_SUPERUSER_{USERNAME,EMAIL,PASSWORD}."""

import os
import secrets
import sys

import psycopg2

import database
import users

INSERT = "INSERT INTO users (username, email, password, is_superuser) VALUES (%s, %s, %s, true)"


def create():
    """Ends the program with Django's words when there is such a user already."""
    username, email, password = (os.environ[f"DJANGO_SUPERUSER_{field}"] for field in ("USERNAME", "EMAIL", "PASSWORD"))
    try:
        with psycopg2.connect(**database.PARAMETERS) as connection, connection.cursor() as cursor:
            cursor.execute(INSERT, (username, email, users.hashed(password, secrets.token_hex(11))))
    except psycopg2.errors.UniqueViolation as error:
        if "email" in error.diag.constraint_name:
            sys.exit(f"django.db.utils.IntegrityError: {error}")  # it looks at the name alone beforehand
        sys.exit("CommandError: Error: That username is already taken.")
    print("Superuser created successfully.")
