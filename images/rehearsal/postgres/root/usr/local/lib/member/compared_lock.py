"""A lock that another member took is left to that other.

Patroni 3.0's etcd3 driver writes the leader's key whatever is there whenever its own lease is new. A leader that had been
cut off takes it back from the member that was elected meanwhile, and what that one acknowledged is lost. Here the key is
written only while it is ours or nobody's, as later versions do.
"""

import time

from patroni.dcs.etcd3 import Etcd3, Etcd3Error, base64_encode, catch_return_false_exception


@catch_return_false_exception
def update_leader(etcd):
    """Returns whether the leader's key is this member's, with a lease that lives. Raises DCSError when etcd does not answer."""
    retry = etcd._retry.copy()
    end = time.time() + retry.deadline

    def call(method, *args, **kwargs):
        retry.deadline = end - time.time()
        if retry.deadline < 1:
            raise Etcd3Error("update_leader timeout")
        return etcd._run_and_handle_exceptions(method, *args, retry=lambda *a, **k: retry(*a, retry=retry, **k), **kwargs)

    call(etcd._do_refresh_lease, True)
    cluster = etcd.cluster
    if cluster and cluster.leader and cluster.leader.session == etcd._lease:
        return True
    key = {"key": base64_encode(etcd.leader_path), "value": base64_encode(etcd._name)}
    ours = {"key": key["key"], "target": "VALUE", "value": key["value"]}
    return bool(
        call(etcd._client.txn, ours, {"request_put": {"lease": etcd._lease, **key}})
        or call(etcd._client.put, etcd.leader_path, etcd._name, etcd._lease, create_revision=0)
    )


Etcd3._update_leader = update_leader
