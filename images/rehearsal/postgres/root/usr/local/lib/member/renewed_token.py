"""A token that etcd does not know is replaced, whatever it was shown for.

etcd's tokens are each member's own: one that restarts knows none, another one knows it for some minutes. Patroni 3.0 asks
for a new one when it reads or writes, but not when it renews its lease or compares and swaps: a leader whose etcd restarts,
or has begun to ask for users, would step down. Later versions ask here too.
"""

from patroni.dcs.etcd3 import Etcd3Client

for name in ("lease_keepalive", "txn"):
    setattr(Etcd3Client, name, Etcd3Client._handle_auth_errors(getattr(Etcd3Client, name)))
