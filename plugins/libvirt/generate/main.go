// Generates what is derived from the bridged provider: schema.json, which the plugin embeds, and the Node.js SDK's
// sources, both into the folder given.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfgen"
	"github.com/pulumi/pulumi/pkg/v3/codegen/nodejs"
	"github.com/pulumi/pulumi/pkg/v3/codegen/schema"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag/colors"
	"github.com/spf13/afero"

	"taiga/plugins/libvirt/bridge"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: generate FOLDER")
		os.Exit(2)
	}
	if err := generate(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func generate(folder string) error {
	spec, text, err := packageSchema()
	if err != nil {
		return err
	}
	files, err := nodeSDK(spec)
	if err != nil {
		return err
	}
	if err := write(filepath.Join(folder, "schema.json"), text); err != nil {
		return err
	}
	for name, content := range files {
		if err := write(filepath.Join(folder, "nodejs", name), content); err != nil {
			return err
		}
	}
	return nil
}

// packageSchema leaves documentation out: it would have to be read from a checkout of the provider.
func packageSchema() (schema.PackageSpec, []byte, error) {
	var spec schema.PackageSpec
	memory := afero.NewMemMapFs()
	generator, err := tfgen.NewGenerator(tfgen.GeneratorOptions{
		Package:      "libvirt",
		Version:      bridge.Version,
		Language:     tfgen.Schema,
		ProviderInfo: bridge.Provider(),
		Root:         memory,
		SkipDocs:     true,
		SkipExamples: true,
		Sink:         diag.DefaultSink(os.Stderr, os.Stderr, diag.FormatOptions{Color: colors.Never}),
	})
	if err != nil {
		return spec, nil, err
	}
	if _, err := generator.Generate(); err != nil {
		return spec, nil, err
	}
	text, err := afero.ReadFile(memory, "schema.json")
	if err != nil {
		return spec, nil, err
	}
	if err := json.Unmarshal(text, &spec); err != nil {
		return spec, nil, err
	}
	spec.Version = bridge.Version // the generated SDK asks the engine for this plugin version
	return spec, text, nil
}

func nodeSDK(spec schema.PackageSpec) (map[string][]byte, error) {
	// Nothing here refers to another package, so the loader, which must not be nil, is never asked.
	loader := schema.NewPluginLoader(nil)
	bound, diagnostics, err := schema.BindSpec(spec, loader, schema.ValidationOptions{})
	if err != nil {
		return nil, err
	}
	if diagnostics.HasErrors() {
		return nil, diagnostics
	}
	return nodejs.GeneratePackage("taiga", bound, nil, nil, false, schema.NewCachedLoader(loader))
}

func write(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, content, 0o644)
}
