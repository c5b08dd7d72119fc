"""Makes the rehearsal's tables, and notes each time it did. Run by libexec/migrate, once for each version of the image."""

import psycopg2

import database

TABLES = (
    """CREATE TABLE IF NOT EXISTS userstories (
        id bigserial PRIMARY KEY, subject text NOT NULL, created timestamptz NOT NULL DEFAULT now())""",
    """CREATE TABLE IF NOT EXISTS tasks (
        id uuid PRIMARY KEY, name text NOT NULL, sender text NOT NULL, worker text NOT NULL,
        done timestamptz NOT NULL DEFAULT now())""",
    "CREATE TABLE IF NOT EXISTS migrations (id bigserial PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())",
    "INSERT INTO migrations DEFAULT VALUES",
)
with psycopg2.connect(**database.PARAMETERS) as connection, connection.cursor() as cursor:
    for statement in TABLES:
        cursor.execute(statement)
