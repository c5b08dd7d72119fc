// A Pulumi resource plugin that answers as the official "command" does, for hosts that cannot download that one: the
// same tokens, properties and environment, used with npm's @pulumi/command. What it does not do it refuses by name.
package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	p "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"

	"taiga/plugins/command/local"
	"taiga/plugins/command/remote"
)

// The version of npm's @pulumi/command that asks for this plugin.
const version = "1.2.1"

func main() {
	provider, err := infer.NewProviderBuilder().
		WithDisplayName("Command").
		WithDescription("Runs commands as resources, here or on a remote machine.").
		WithResources(
			infer.Resource(local.Command{}),
			infer.Resource(remote.Command{}),
			infer.Resource(remote.CopyToRemote{}),
		).
		Build()
	if err == nil {
		provider.Diff = replaceOnTriggers(provider.Diff)
		err = p.RunProvider(context.Background(), "command", version, provider)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

type diff = func(context.Context, p.DiffRequest) (p.DiffResponse, error)

// replaceOnTriggers makes a change of "triggers" a replacement, unless there is an update command to run instead. It also
// names whole properties as changed: a path within one is left out of the engine's one-line summary.
func replaceOnTriggers(inputs diff) diff {
	return func(ctx context.Context, req p.DiffRequest) (p.DiffResponse, error) {
		resp, err := inputs(ctx, req)
		if err != nil {
			return resp, err
		}
		changes := map[string]p.PropertyDiff{}
		for path, change := range resp.DetailedDiff {
			property := path
			if end := strings.IndexAny(path, ".["); end >= 0 {
				property = path[:end]
				change.Kind = p.Update
			}
			changes[property] = change
		}
		_, updates := req.Inputs.GetOk("update")
		if change, ok := changes["triggers"]; ok && !updates {
			change.Kind = replacing[change.Kind]
			changes["triggers"] = change
		}
		resp.DetailedDiff = changes
		return resp, nil
	}
}

var replacing = map[p.DiffKind]p.DiffKind{
	p.Add:    p.AddReplace,
	p.Delete: p.DeleteReplace,
	p.Update: p.UpdateReplace,
}
