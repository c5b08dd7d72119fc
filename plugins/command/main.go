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

// replaceOnTriggers makes a change of "triggers" a replacement, unless there is an update command to run instead.
func replaceOnTriggers(inputs diff) diff {
	return func(ctx context.Context, req p.DiffRequest) (p.DiffResponse, error) {
		resp, err := inputs(ctx, req)
		if _, updates := req.Inputs.GetOk("update"); err != nil || updates {
			return resp, err
		}
		for path, change := range resp.DetailedDiff {
			if path == "triggers" || strings.HasPrefix(path, "triggers[") {
				change.Kind = replacing(change.Kind)
				resp.DetailedDiff[path] = change
			}
		}
		return resp, nil
	}
}

func replacing(kind p.DiffKind) p.DiffKind {
	switch kind {
	case p.Add:
		return p.AddReplace
	case p.Delete:
		return p.DeleteReplace
	case p.Update:
		return p.UpdateReplace
	}
	return kind
}
