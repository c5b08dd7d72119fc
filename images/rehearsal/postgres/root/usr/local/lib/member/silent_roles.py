"""Roles are made in time, and a password is in no log when one is not.

Patroni 3.0 gives the statements of a first start 2 s each, as any others. On an overloaded machine that is not enough: the
start fails, and both PostgreSQL's log, in the error's context, and Patroni's own, in the exception's text, say the statement
with its password. A lost connection is worse: the statement is sent anew to a session that keeps nothing to itself.
"""

from contextlib import suppress
from types import SimpleNamespace

from patroni.exceptions import PostgresConnectionException
from patroni.postgresql.bootstrap import Bootstrap

fill = Bootstrap.post_bootstrap
make = Bootstrap.create_or_update_role


class Discreet:
    """Patroni's session with PostgreSQL. Each statement is sent once, and none is in the log, whatever ends it."""

    def __init__(self, server):
        self._server = server

    def connection(self):
        return self._server.connection()

    def query(self, sql):
        if sql.startswith("SET log_min_error_statement"):
            sql = "SET log_min_error_statement TO 'panic'"
        return self._server.query(sql, retry=False)


def make_silently(bootstrap, name, password, options):
    """Raises PostgresConnectionException without the statement's text."""
    server = Discreet(bootstrap._postgresql)
    try:
        server.query("SET log_error_verbosity TO 'terse'")
        make(SimpleNamespace(_postgresql=server), name, password, options)
        server.query("RESET log_error_verbosity")
    except Exception as error:
        raise PostgresConnectionException(f"the role {name} could not be made: {type(error).__name__}") from None


def fill_in_time(bootstrap, config, task):
    query = bootstrap._postgresql.query
    with suppress(Exception):  # then it has as long as it had
        query("SET statement_timeout TO '60s'")
    try:
        return fill(bootstrap, config, task)
    finally:
        with suppress(Exception):
            query("RESET statement_timeout")


Bootstrap.create_or_update_role = make_silently
Bootstrap.post_bootstrap = fill_in_time
