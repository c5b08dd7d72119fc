module taiga/fleet

go 1.24

tool (
	github.com/coreos/fleet/fleetctl
	github.com/coreos/fleet/fleetd
)

require github.com/coreos/fleet v0.11.8 // indirect
