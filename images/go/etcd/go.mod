module taiga/etcd

go 1.26.8

require (
	go.etcd.io/etcd/etcdctl/v3 v3.5.35
	go.etcd.io/etcd/server/v3 v3.5.35
)
