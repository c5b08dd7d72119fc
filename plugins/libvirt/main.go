// The Pulumi resource plugin for libvirt.
package main

import (
	_ "embed"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"

	"taiga/plugins/libvirt/bridge"
)

//go:embed schema.json
var schema []byte // written by ./generate

func main() {
	tfbridge.Main("libvirt", bridge.Version, bridge.Provider(), schema)
}
