"""Patroni knows its PostgreSQL by the program that runs.

Patroni 3.0 takes the process named in postmaster.pid for another one when it was born more than 3 s before the time
written there. On a busy or an emulated machine more than that passes from one to the other; Patroni then forgets a server
that runs, and a leader that it forgot would go on taking writes beside the next one.
"""

import os

import psutil
from patroni.postgresql.postmaster import PostmasterProcess


def is_postmaster(process):
    try:
        born_of_another = psutil.Process(process.ppid()).exe() == process.exe()
        return os.path.basename(process.exe()) == "postgres" and not born_of_another
    except psutil.AccessDenied:  # of another user: not ours
        return False


PostmasterProcess._is_postmaster_process = is_postmaster
