// Package output keeps what a command prints and shows it while the command runs.
package output

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"sync"

	p "github.com/pulumi/pulumi-go-provider"
)

// Capture has two streams to write to, safe for concurrent use.
type Capture struct {
	stdout, stderr, both buffer
	shown                *lines
	logging              string
}

// NewCapture shows what logging says: "stdout", "stderr", "stdoutAndStderr" (the default) or "none".
func NewCapture(ctx context.Context, logging *string) (*Capture, error) {
	capture := &Capture{logging: "stdoutAndStderr", shown: &lines{show: p.GetLogger(ctx).Info}}
	if logging != nil {
		capture.logging = *logging
	}
	switch capture.logging {
	case "stdout", "stderr", "stdoutAndStderr", "none":
		return capture, nil
	}
	return nil, fmt.Errorf("logging: %q is none of stdout, stderr, stdoutAndStderr and none", capture.logging)
}

// Stdout is where the command writes its standard output.
func (c *Capture) Stdout() io.Writer { return c.stream(&c.stdout, "stdout") }

// Stderr is where the command writes its standard error.
func (c *Capture) Stderr() io.Writer { return c.stream(&c.stderr, "stderr") }

func (c *Capture) stream(own *buffer, name string) io.Writer {
	if c.logging == name || c.logging == "stdoutAndStderr" {
		return io.MultiWriter(own, &c.both, c.shown)
	}
	return io.MultiWriter(own, &c.both)
}

// Result returns both texts without their last newline, or the error with all that was printed.
func (c *Capture) Result(command string, err error) (stdout, stderr string, _ error) {
	c.shown.flush()
	if err != nil {
		return "", "", fmt.Errorf("%w: running %q:\n%s", err, command, c.both.text.String())
	}
	return strings.TrimSuffix(c.stdout.text.String(), "\n"), strings.TrimSuffix(c.stderr.text.String(), "\n"), nil
}

// Previous is the environment that tells a command what the one before it printed.
func Previous(wanted *bool, stdout, stderr string) map[string]string {
	variables := map[string]string{}
	if wanted != nil && !*wanted {
		return variables
	}
	if stdout != "" {
		variables["PULUMI_COMMAND_STDOUT"] = stdout
	}
	if stderr != "" {
		variables["PULUMI_COMMAND_STDERR"] = stderr
	}
	return variables
}

type buffer struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

func (b *buffer) Write(text []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.text.Write(text)
}

// lines shows whole lines, as Pulumi prefixes each message with the resource.
type lines struct {
	mutex   sync.Mutex
	show    func(string)
	pending string
}

func (l *lines) Write(text []byte) (int, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	whole := strings.Split(l.pending+string(text), "\n")
	l.pending = whole[len(whole)-1]
	for _, line := range whole[:len(whole)-1] {
		l.show(line)
	}
	return len(text), nil
}

func (l *lines) flush() {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.pending != "" {
		l.show(l.pending)
		l.pending = ""
	}
}
