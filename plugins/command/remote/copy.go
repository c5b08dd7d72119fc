package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"

	"github.com/pkg/sftp"
	"github.com/pulumi/pulumi-go-provider/infer"
	"github.com/pulumi/pulumi-go-provider/infer/types"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// CopyToRemote writes a file, a text or a folder to the machine, and leaves it there when it is deleted.
type CopyToRemote struct{}

// CopyToRemoteArgs are documented in npm's @pulumi/command.
type CopyToRemoteArgs struct {
	Connection *Connection          `pulumi:"connection" provider:"secret"`
	Source     types.AssetOrArchive `pulumi:"source"`
	RemotePath string               `pulumi:"remotePath"`
	Triggers   *[]any               `pulumi:"triggers,optional"`
}

// CopyToRemoteState is what was asked for.
type CopyToRemoteState struct {
	CopyToRemoteArgs
}

// Create copies.
func (CopyToRemote) Create(
	ctx context.Context, req infer.CreateRequest[CopyToRemoteArgs],
) (infer.CreateResponse[CopyToRemoteState], error) {
	id, err := resource.NewUniqueHex(req.Name, 8, 0)
	if err == nil && !req.DryRun {
		err = req.Inputs.copy(ctx)
	}
	return infer.CreateResponse[CopyToRemoteState]{ID: id, Output: CopyToRemoteState{req.Inputs}}, err
}

// Update copies again.
func (CopyToRemote) Update(
	ctx context.Context, req infer.UpdateRequest[CopyToRemoteArgs, CopyToRemoteState],
) (infer.UpdateResponse[CopyToRemoteState], error) {
	var err error
	if !req.DryRun {
		err = req.Inputs.copy(ctx)
	}
	return infer.UpdateResponse[CopyToRemoteState]{Output: CopyToRemoteState{req.Inputs}}, err
}

func (a CopyToRemoteArgs) copy(ctx context.Context) error {
	client, err := a.Connection.dial(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	defer context.AfterFunc(ctx, func() { client.Close() })()
	remote, err := sftp.NewClient(client)
	if err != nil {
		return fmt.Errorf("sftp on %s: %w", a.Connection.Host, err)
	}
	defer remote.Close()
	if err := a.write(remote); err != nil {
		return fmt.Errorf("copying to %s:%s: %w", a.Connection.Host, a.RemotePath, err)
	}
	return nil
}

func (a CopyToRemoteArgs) write(remote *sftp.Client) error {
	switch source := a.Source; {
	case source.Asset != nil && source.Asset.IsText():
		return writeFile(remote, a.RemotePath, bytes.NewBufferString(source.Asset.Text), 0o644)
	case source.Asset != nil && source.Asset.IsPath():
		return copyTree(remote, source.Asset.Path, a.RemotePath)
	case source.Archive != nil && source.Archive.IsPath():
		return copyTree(remote, source.Archive.Path, a.RemotePath)
	}
	return errors.New("source must be a FileAsset, a StringAsset or a FileArchive")
}

// copyTree copies into the remote path where that is a folder already.
func copyTree(remote *sftp.Client, from, to string) error {
	if info, err := remote.Stat(to); err == nil && info.IsDir() {
		to = path.Join(to, filepath.Base(from))
	}
	return filepath.WalkDir(from, func(name string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(from, name)
		if err != nil {
			return err
		}
		target := path.Join(to, filepath.ToSlash(relative))
		if entry.IsDir() {
			return remote.MkdirAll(target)
		}
		file, err := os.Open(name)
		if err != nil {
			return err
		}
		defer file.Close()
		info, err := file.Stat()
		if err != nil {
			return err
		}
		return writeFile(remote, target, file, info.Mode().Perm())
	})
}

func writeFile(remote *sftp.Client, to string, content io.Reader, mode os.FileMode) error {
	if err := remote.MkdirAll(path.Dir(to)); err != nil {
		return err
	}
	file, err := remote.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return err
	}
	_, err = file.ReadFrom(content)
	return errors.Join(err, file.Chmod(mode), file.Close())
}
