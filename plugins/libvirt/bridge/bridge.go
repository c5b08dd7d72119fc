// Package bridge describes the Pulumi package libvirt: dmacvicar's Terraform provider, as Pulumi's retired
// package of that name presented it (the same tokens), at the provider's last version of that schema.
package bridge

import (
	"github.com/dmacvicar/terraform-provider-libvirt/libvirt"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge/tokens"
	sdkv2 "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim/sdk-v2"
)

// Version of plugin and SDK: that of the Terraform provider within.
const Version = "0.8.3"

// Provider maps the Terraform provider's resources and functions to Pulumi's.
func Provider() tfbridge.ProviderInfo {
	info := tfbridge.ProviderInfo{
		P:           sdkv2.NewProvider(libvirt.Provider()),
		Name:        "libvirt",
		Version:     Version,
		DisplayName: "libvirt",
		Description: "Domains, volumes, pools and networks of libvirt.",
		Keywords:    []string{"pulumi", "libvirt"},
		License:     "Apache-2.0",
		Homepage:    "https://www.pulumi.com",
		Repository:  "https://github.com/pulumi/pulumi-libvirt",
		GitHubOrg:   "dmacvicar",
		Config: map[string]*tfbridge.SchemaInfo{
			"uri": {Default: &tfbridge.DefaultInfo{EnvVars: []string{"LIBVIRT_DEFAULT_URI"}}},
		},
		Resources: map[string]*tfbridge.ResourceInfo{
			// The strategy below would write CloudinitDisk.
			"libvirt_cloudinit_disk": {Tok: tfbridge.MakeResource("libvirt", "index", "CloudInitDisk")},
		},
		JavaScript: &tfbridge.JavaScriptInfo{
			Dependencies:         map[string]string{"@pulumi/pulumi": "^3.142.0"},
			RespectSchemaVersion: true,
		},
	}
	info.MustComputeTokens(tokens.SingleModule("libvirt_", "index", tokens.MakeStandard("libvirt")))
	info.SetAutonaming(255, "-")
	return info
}
