"""A first start that was cut short is begun anew.

Patroni 3.0 claims a new cluster by a blank key, makes its data, and then its roles. When etcd is silent meanwhile it demotes
the server, and waits for a replica of nobody to be promoted; when it is killed meanwhile, the next start takes half made
data for whole. Both ways the roles by which the others join are missing for ever. Here the claim has its member's name, a
silence is waited for, and a member that finds its name on a claim it is not at work on removes what it made, and the claim.
Nobody was acknowledged anything by it: a member does not lead before the claim is the cluster's identifier.
"""

import logging

from patroni.dcs.etcd3 import Etcd3, Etcd3Error, base64_encode
from patroni.exceptions import PatroniFatalException
from patroni.ha import Ha

logger = logging.getLogger(__name__)
initialize = Etcd3.initialize
handle_silence = Ha._handle_dcs_error
load_cluster = Ha.load_cluster_from_dcs
cancel_initialization = Ha.cancel_initialization


def claim(etcd, create_new=True, sysid=None):
    """Returns whether the claim is this member's. Raises DCSError when an identifier could not take its place."""
    done = initialize(etcd, create_new, etcd._name if sysid is None else sysid)
    if sysid is not None and not create_new and not done:
        raise Etcd3Error("etcd did not take the cluster's identifier")
    return done


def is_claimant(etcd):
    """Whether etcd has this member's name on the claim, and not only what was last heard of it. Raises DCSError."""
    entry = {"key": base64_encode(etcd.initialize_path), "value": base64_encode(etcd._name)}
    try:
        return bool(etcd.retry(etcd._client.txn, {"target": "VALUE", **entry}, {"request_put": entry}))
    except Exception as error:
        raise Etcd3Error(f"etcd did not say whose the first start is: {error}") from error


def bear_silence(ha):
    if ha.state_handler.bootstrapping:
        return "etcd does not answer, and the first start waits for it"
    return handle_silence(ha)


def stop(ha):
    return ha.state_handler.stop("immediate", stop_timeout=ha.patroni.config["retry_timeout"])


def begin_anew(ha):
    load_cluster(ha)
    server = ha.state_handler
    unfinished = ha.cluster.initialize == server.name and ha.cluster.is_unlocked()
    if not unfinished or server.bootstrapping or ha._async_executor.busy or not is_claimant(ha.dcs):
        return
    logger.warning("the first start was cut short: its data is removed, and it begins anew")
    if stop(ha):
        server.remove_data_directory()
    if not server.data_directory_empty():
        raise PatroniFatalException("the data of a first start that was cut short could not be removed")
    server._sysid = None
    ha.dcs.cancel_initialization()
    load_cluster(ha)


def give_up(ha):
    """As Patroni does, but the claim goes last: data without one would be taken for whole."""
    stop(ha)
    ha.state_handler.move_data_directory()
    cancel_initialization(ha)


Etcd3.initialize = claim
Ha._handle_dcs_error = bear_silence
Ha.load_cluster_from_dcs = begin_anew
Ha.cancel_initialization = give_up
