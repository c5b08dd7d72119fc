"""The rehearsal's part of Django's manage.py.

migrate                              makes the tables, and notes each time it did. Run by libexec/migrate, as the next
loaddata initial_project_templates   the kinds of project there are; those that are there already stay
createsuperuser --noinput            the first user, of DJANGO_SUPERUSER_{USERNAME,EMAIL,PASSWORD}. Run by libexec/first-user
"""

import sys

import psycopg2

import createsuperuser
import database

COMMANDS = {
    "migrate": (
        """CREATE TABLE IF NOT EXISTS userstories (
            id bigserial PRIMARY KEY, subject text NOT NULL, created timestamptz NOT NULL DEFAULT now())""",
        """CREATE TABLE IF NOT EXISTS tasks (
            id uuid PRIMARY KEY, name text NOT NULL, sender text NOT NULL, worker text NOT NULL,
            done timestamptz NOT NULL DEFAULT now())""",
        """CREATE TABLE IF NOT EXISTS attachments (
            id bigserial PRIMARY KEY, name text NOT NULL, path text NOT NULL, size bigint NOT NULL, sha1 text NOT NULL,
            created timestamptz NOT NULL DEFAULT now())""",
        """CREATE TABLE IF NOT EXISTS users (
            id bigserial PRIMARY KEY, username text NOT NULL UNIQUE, email text NOT NULL UNIQUE, password text NOT NULL,
            is_superuser boolean NOT NULL DEFAULT false)""",
        "CREATE TABLE IF NOT EXISTS templates (slug text PRIMARY KEY)",
        "CREATE TABLE IF NOT EXISTS migrations (id bigserial PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())",
        "INSERT INTO migrations DEFAULT VALUES",
    ),
    "loaddata initial_project_templates": (
        "INSERT INTO templates (slug) VALUES ('scrum'), ('kanban') ON CONFLICT DO NOTHING",
    ),
}
command = " ".join(sys.argv[1:])
if command == "createsuperuser --noinput":
    createsuperuser.create()
    sys.exit()
if command not in COMMANDS:
    sys.exit(f"manage.py: no such command: {command}")
with psycopg2.connect(**database.PARAMETERS) as connection, connection.cursor() as cursor:
    for statement in COMMANDS[command]:
        cursor.execute(statement)
