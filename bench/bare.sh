#!/usr/bin/env bash
# The cluster that bench/deploy.ts measures, by virsh and ssh alone: from nothing until every unit is active and the page
# answers. What can be prepared lies in the folder $1, where bench/bare.ts wrote it.
set -euo pipefail
cd "$1"
# shellcheck source=/dev/null
. ./cluster.env # URI PREFIX POOL ROOTFS FIRST PAGES ACTIVE
net_virsh() { virsh -q -c qemu:///system "$@" >/dev/null; }
on() { ssh -F none -i key -o UserKnownHostsFile=known_hosts -o IdentitiesOnly=yes -o ConnectTimeout=5 -o LogLevel=ERROR "core@$1" "$2"; }

net_virsh net-define network.xml
net_virsh net-start "$PREFIX"
net_virsh pool-define pool.xml
mkdir -p "$POOL"
net_virsh pool-start "$PREFIX"
while read -r name format capacity backing source; do
  if [ "$backing" != - ]; then
    net_virsh vol-create-as "$PREFIX" "$name" "$capacity" --format "$format" --backing-vol "${backing%:*}" --backing-vol-format "${backing##*:}"
  else
    net_virsh vol-create-as "$PREFIX" "$name" "$capacity" --format "$format"
    [ "$source" = - ] || net_virsh vol-upload "$name" "$source" --pool "$PREFIX"
  fi
done <volumes

machine() { # NAME ADDRESS
  local folder="$POOL/$1"
  if [ "$URI" = lxc:///system ]; then
    mkdir -p "$folder"/{upper,work,root,docker} "$POOL/$1-data"
    mount -t overlay "$1" -o "lowerdir=$ROOTFS,upperdir=$folder/upper,workdir=$folder/work" "$folder/root"
    install -m 600 "machines/$1/ignition.json" "$folder/root/ignition.json"
  fi
  virsh -q -c "$URI" define "machines/$1/domain.xml" >/dev/null
  virsh -q -c "$URI" start "$1" >/dev/null
  until on "$2" true 2>/dev/null; do sleep 0.3; done
  on "$2" 'until mountpoint -q /var/lib/data && [ -x /opt/taiga/bin/etcd ]; do sleep 0.2; done
    sudo tar -x -C / && sudo systemctl start --no-block taiga.target' <"machines/$1/files.tar"
}
pids=()
while read -r name address; do
  machine "$name" "$address" </dev/null &
  pids+=($!)
done <machines/list
for pid in "${pids[@]}"; do wait "$pid"; done

# shellcheck disable=SC2016 # it is the machine's shell that expands these
on "$FIRST" 'set -e; until etcdctl endpoint health >/dev/null 2>&1; do sleep 0.3; done
  umask 077; mkdir /tmp/keys; cd /tmp/keys; tar -x
  find . -type f | while read -r file; do etcdctl put "${file#.}" <"$file" >/dev/null; done; rm -r /tmp/keys' <keys.tar
on "$FIRST" "set -e; mkdir /tmp/units; cd /tmp/units; tar -x
  until [ \"\$(fleetctl list-machines -no-legend 2>/dev/null | wc -l)\" = $(wc -l <machines/list) ]; do sleep 0.3; done
  fleetctl start -no-block ./*.service >/dev/null
  until [ \"\$(fleetctl list-units -no-legend -fields active | grep -cx active)\" = $ACTIVE ]; do sleep 0.3; done" <units.tar
for page in $PAGES; do
  until curl -fs --cacert ca.crt -o /dev/null --max-time 5 "$page"; do sleep 0.3; done
done
