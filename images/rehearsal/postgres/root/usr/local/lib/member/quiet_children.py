"""What ends does not stop the member.

Patroni 3.0, as the first process of a container, reaps what ends and logs it from the signal's handler; the Patroni it forks inherits
that handler. A signal that comes while this one writes to its log waits for a lock that it has itself, for good: nothing is logged
any more, and the member, a leader perhaps, does nothing. What it starts it waits for itself, as where it is not the first process.
"""

import signal

from patroni import __main__ as patroni

run = patroni.patroni_main


def run_without_reaping(*args):
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    return run(*args)


patroni.patroni_main = run_without_reaping
