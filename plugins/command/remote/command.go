package remote

import (
	"context"
	"fmt"
	"maps"
	"strings"

	"github.com/pulumi/pulumi-go-provider/infer"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"taiga/plugins/command/output"
)

// Command runs one command when it is created, and others when it is updated and deleted.
type Command struct{}

// CommandArgs are documented in npm's @pulumi/command.
type CommandArgs struct {
	Connection             *Connection        `pulumi:"connection" provider:"secret"`
	Create                 *string            `pulumi:"create,optional"`
	Update                 *string            `pulumi:"update,optional"`
	Delete                 *string            `pulumi:"delete,optional"`
	Triggers               *[]any             `pulumi:"triggers,optional"`
	Environment            *map[string]string `pulumi:"environment,optional"`
	Stdin                  *string            `pulumi:"stdin,optional"`
	Logging                *string            `pulumi:"logging,optional"`
	AddPreviousOutputInEnv *bool              `pulumi:"addPreviousOutputInEnv,optional"`
}

// CommandState adds what the last create or update printed.
type CommandState struct {
	CommandArgs
	Stdout string `pulumi:"stdout"`
	Stderr string `pulumi:"stderr"`
}

// WireDependencies makes outputs secret when the command was given a secret; that the connection is one does not count.
func (Command) WireDependencies(f infer.FieldSelector, args *CommandArgs, state *CommandState) {
	inputs := []infer.InputField{
		f.InputField(&args.Create), f.InputField(&args.Update), f.InputField(&args.Triggers),
		f.InputField(&args.Environment), f.InputField(&args.Stdin), f.InputField(&args.Connection).Computed(),
	}
	f.OutputField(&state.Stdout).DependsOn(inputs...)
	f.OutputField(&state.Stderr).DependsOn(inputs...)
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
	capture, err := output.NewCapture(ctx, s.Logging)
	if err != nil {
		return err
	}
	client, err := s.Connection.dial(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	defer context.AfterFunc(ctx, func() { client.Close() })()
	session, err := client.NewSession()
	if err != nil {
		return err
	}
	defer session.Close()

	if s.Environment != nil {
		for name, value := range *s.Environment {
			if err := session.Setenv(name, value); err != nil {
				return fmt.Errorf("environment: %s does not let %s be set (AcceptEnv in its sshd_config): %w",
					s.Connection.Host, name, err)
			}
		}
	}
	previous := maps.All(output.Previous(s.AddPreviousOutputInEnv, s.Stdout, s.Stderr))
	for name, value := range previous {
		_ = session.Setenv(name, value) // most servers refuse; a command that does not ask for it must still run
	}
	session.Stdout, session.Stderr = capture.Stdout(), capture.Stderr()
	if s.Stdin != nil {
		session.Stdin = strings.NewReader(*s.Stdin)
	}
	stdout, stderr, err := capture.Result(*command, session.Run(*command))
	if err == nil {
		s.Stdout, s.Stderr = stdout, stderr
	}
	return err
}
