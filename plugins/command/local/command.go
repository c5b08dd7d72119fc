// Package local runs commands on the host that runs Pulumi.
package local

import (
	"context"
	"errors"
	"maps"
	"os"
	"os/exec"
	"strings"

	"github.com/pulumi/pulumi-go-provider/infer"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"taiga/plugins/command/output"
)

// Command runs one command when it is created, and others when it is updated and deleted.
type Command struct{}

// CommandArgs are documented in npm's @pulumi/command.
type CommandArgs struct {
	Create                 *string            `pulumi:"create,optional"`
	Update                 *string            `pulumi:"update,optional"`
	Delete                 *string            `pulumi:"delete,optional"`
	Triggers               *[]any             `pulumi:"triggers,optional"`
	Interpreter            *[]string          `pulumi:"interpreter,optional"`
	Dir                    *string            `pulumi:"dir,optional"`
	Environment            *map[string]string `pulumi:"environment,optional"`
	Stdin                  *string            `pulumi:"stdin,optional"`
	Logging                *string            `pulumi:"logging,optional"`
	AddPreviousOutputInEnv *bool              `pulumi:"addPreviousOutputInEnv,optional"`
	AssetPaths             *[]string          `pulumi:"assetPaths,optional"`
	ArchivePaths           *[]string          `pulumi:"archivePaths,optional"`
}

// CommandState adds what the last create or update printed.
type CommandState struct {
	CommandArgs
	Stdout string `pulumi:"stdout"`
	Stderr string `pulumi:"stderr"`
}

// WireDependencies makes the output of a command that was given a secret a secret.
func (Command) WireDependencies(f infer.FieldSelector, args *CommandArgs, state *CommandState) {
	f.OutputField(state).DependsOn(f.InputField(args))
}

// Create runs the create command, if there is one.
func (Command) Create(
	ctx context.Context, req infer.CreateRequest[CommandArgs],
) (infer.CreateResponse[CommandState], error) {
	state := CommandState{CommandArgs: req.Inputs}
	id, err := resource.NewUniqueHex(req.Name, 8, 0)
	if err == nil && !req.DryRun {
		err = state.run(ctx, req.Inputs.Create)
	}
	return infer.CreateResponse[CommandState]{ID: id, Output: state}, err
}

// Update runs the update command, or the create command where there is none.
func (Command) Update(
	ctx context.Context, req infer.UpdateRequest[CommandArgs, CommandState],
) (infer.UpdateResponse[CommandState], error) {
	state := CommandState{CommandArgs: req.Inputs, Stdout: req.State.Stdout, Stderr: req.State.Stderr}
	command := req.Inputs.Update
	if command == nil {
		command = req.Inputs.Create
	}
	var err error
	if !req.DryRun {
		err = state.run(ctx, command)
	}
	return infer.UpdateResponse[CommandState]{Output: state}, err
}

// Delete runs the delete command, if there is one.
func (Command) Delete(ctx context.Context, req infer.DeleteRequest[CommandState]) (infer.DeleteResponse, error) {
	return infer.DeleteResponse{}, req.State.run(ctx, req.State.Delete)
}

// run puts what the command prints in the state.
func (s *CommandState) run(ctx context.Context, command *string) error {
	if command == nil {
		return nil
	}
	if s.AssetPaths != nil || s.ArchivePaths != nil {
		return errors.New("assetPaths and archivePaths need Pulumi's own command plugin; this is Taiga's replacement of it")
	}
	interpreter := []string{"/bin/sh", "-c"}
	if s.Interpreter != nil && len(*s.Interpreter) > 0 {
		interpreter = *s.Interpreter
	}
	capture, err := output.NewCapture(ctx, s.Logging)
	if err != nil {
		return err
	}
	args := append(interpreter[1:len(interpreter):len(interpreter)], *command)
	process := exec.CommandContext(ctx, interpreter[0], args...)
	process.Stdout, process.Stderr = capture.Stdout(), capture.Stderr()
	if s.Dir != nil {
		process.Dir = *s.Dir
	}
	variables := output.Previous(s.AddPreviousOutputInEnv, s.Stdout, s.Stderr)
	if s.Environment != nil {
		maps.Copy(variables, *s.Environment)
	}
	process.Env = os.Environ()
	for name, value := range variables {
		process.Env = append(process.Env, name+"="+value)
	}
	if s.Stdin != nil {
		process.Stdin = strings.NewReader(*s.Stdin)
	}
	stdout, stderr, err := capture.Result(*command, process.Run())
	if err == nil {
		s.Stdout, s.Stderr = stdout, stderr
	}
	return err
}
