// Package remote runs commands and writes files on a machine reached by ssh.
package remote

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
	"golang.org/x/crypto/ssh/knownhosts"
)

// Endpoint is one ssh server and the credentials for it.
type Endpoint struct {
	Host               string   `pulumi:"host"`
	Port               *float64 `pulumi:"port,optional"`
	User               *string  `pulumi:"user,optional"`
	Password           *string  `pulumi:"password,optional" provider:"secret"`
	PrivateKey         *string  `pulumi:"privateKey,optional" provider:"secret"`
	PrivateKeyPassword *string  `pulumi:"privateKeyPassword,optional" provider:"secret"`
	AgentSocketPath    *string  `pulumi:"agentSocketPath,optional"`
	HostKey            *string  `pulumi:"hostKey,optional"`
	DialErrorLimit     *int     `pulumi:"dialErrorLimit,optional"`
	PerDialTimeout     *int     `pulumi:"perDialTimeout,optional"`
}

// ProxyConnection is a machine to go through.
type ProxyConnection struct {
	Endpoint
}

// Connection is where a command runs.
type Connection struct {
	Endpoint
	Proxy *ProxyConnection `pulumi:"proxy,optional"`
}

type dialer func(ctx context.Context, address string) (net.Conn, error)

// dial connects and logs in; closing the client closes the way through the proxy too.
func (c Connection) dial(ctx context.Context) (*ssh.Client, error) {
	through := dialer(func(ctx context.Context, address string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", address)
	})
	if c.Proxy == nil {
		return c.Endpoint.dial(ctx, through)
	}
	proxy, err := c.Proxy.dial(ctx, through)
	if err != nil {
		return nil, err
	}
	client, err := c.Endpoint.dial(ctx, func(ctx context.Context, address string) (net.Conn, error) {
		return proxy.DialContext(ctx, "tcp", address)
	})
	if err != nil {
		proxy.Close()
		return nil, err
	}
	go func() {
		client.Wait()
		proxy.Close()
	}()
	return client, nil
}

// dial tries as often as dialErrorLimit allows (10; -1 means without end), with a growing pause between.
func (e Endpoint) dial(ctx context.Context, through dialer) (*ssh.Client, error) {
	address := net.JoinHostPort(e.Host, strconv.Itoa(int(or(e.Port, 22))))
	config, err := e.config()
	if err != nil {
		return nil, fmt.Errorf("ssh to %s: %w", address, err)
	}
	limit := or(e.DialErrorLimit, 10)
	for failures, pause := 1, time.Second; ; failures, pause = failures+1, min(2*pause, 15*time.Second) {
		client, err := handshake(ctx, through, address, config)
		if err == nil {
			return client, nil
		}
		if errors.As(err, new(*knownhosts.KeyError)) || limit >= 0 && failures >= limit {
			return nil, fmt.Errorf("ssh to %s, attempt %d: %w", address, failures, err)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(pause):
		}
	}
}

func handshake(ctx context.Context, through dialer, address string, config *ssh.ClientConfig) (*ssh.Client, error) {
	if config.Timeout > 0 {
		limited, cancel := context.WithTimeout(ctx, config.Timeout)
		defer cancel()
		ctx = limited
	}
	connection, err := through(ctx, address)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { connection.Close() })
	defer stop()
	login, channels, requests, err := ssh.NewClientConn(connection, address, config)
	if err != nil {
		connection.Close()
		return nil, err
	}
	return ssh.NewClient(login, channels, requests), nil
}

func (e Endpoint) config() (*ssh.ClientConfig, error) {
	config := &ssh.ClientConfig{
		User:    or(e.User, "root"),
		Timeout: time.Duration(or(e.PerDialTimeout, 15)) * time.Second,
	}
	if e.PrivateKey != nil {
		signer, err := e.signer()
		if err != nil {
			return nil, fmt.Errorf("privateKey: %w", err)
		}
		config.Auth = append(config.Auth, ssh.PublicKeys(signer))
	}
	if e.Password != nil {
		config.Auth = append(config.Auth, ssh.Password(*e.Password))
	}
	if socket := or(e.AgentSocketPath, os.Getenv("SSH_AUTH_SOCK")); socket != "" {
		connection, err := net.Dial("unix", socket)
		if err != nil {
			return nil, fmt.Errorf("agentSocketPath: %w", err)
		}
		config.Auth = append(config.Auth, ssh.PublicKeysCallback(agent.NewClient(connection).Signers))
	}
	return config, e.expectHostKey(config)
}

func (e Endpoint) signer() (ssh.Signer, error) {
	if e.PrivateKeyPassword != nil {
		return ssh.ParsePrivateKeyWithPassphrase([]byte(*e.PrivateKey), []byte(*e.PrivateKeyPassword))
	}
	return ssh.ParsePrivateKey([]byte(*e.PrivateKey))
}

// expectHostKey never lets an unknown server pass, which the official plugin does when no hostKey is given.
func (e Endpoint) expectHostKey(config *ssh.ClientConfig) error {
	if e.HostKey != nil {
		key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(*e.HostKey))
		if err != nil {
			return fmt.Errorf("hostKey is not a line as in authorized_keys: %w", err)
		}
		config.HostKeyCallback = ssh.FixedHostKey(key)
		config.HostKeyAlgorithms = algorithms(key.Type())
		return nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return err
	}
	config.HostKeyCallback, err = knownhosts.New(filepath.Join(home, ".ssh", "known_hosts"))
	if err != nil {
		return fmt.Errorf("no hostKey is given and the known hosts cannot be read: %w", err)
	}
	return nil
}

// algorithms of a key: an RSA key signs in newer ways than its type's name says.
func algorithms(keyType string) []string {
	if keyType == ssh.KeyAlgoRSA {
		return []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
	}
	return []string{keyType}
}

func or[T any](value *T, otherwise T) T {
	if value == nil {
		return otherwise
	}
	return *value
}
