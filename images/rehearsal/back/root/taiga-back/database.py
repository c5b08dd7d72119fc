"""Where the rehearsal's database is, by the names of Taiga's own environment."""

import os

PARAMETERS = {
    "dbname": os.environ["POSTGRES_DB"],
    "user": os.environ["POSTGRES_USER"],
    "password": os.environ["POSTGRES_PASSWORD"],
    "host": os.environ["POSTGRES_HOST"],
    "port": os.environ.get("POSTGRES_PORT", "5432"),
    # Both are the ambassador's business, who refuses or cuts off: these are for the case that it is gone itself.
    "connect_timeout": 10,
    "tcp_user_timeout": 15000,
}
