import type { AddressInfo } from "node:net";
import { createServer, type Socket } from "node:net";
import type { Machine, SshPool } from "../clients/ssh";

/** Has a port of this host, of loopback alone, lead to a port of a machine's loopback while something is done. */
export async function forwarded<T>(
  ssh: SshPool,
  machine: Machine,
  port: number,
  action: (port: number) => Promise<T>,
): Promise<T> {
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on("error", () => {}).once("close", () => open.delete(socket));
    ssh.openTcp(machine, "127.0.0.1", port).then(
      (channel) => {
        channel.on("error", () => socket.destroy());
        socket.pipe(channel).pipe(socket);
        socket.once("close", () => channel.destroy());
      },
      () => socket.destroy(), // nothing listens there: whoever asks sees a connection that ends
    );
  });
  await new Promise<void>((done, fail) => {
    server.once("error", fail).listen(0, "127.0.0.1", done);
  });
  try {
    return await action((server.address() as AddressInfo).port);
  } finally {
    server.close();
    for (const socket of open) socket.destroy();
  }
}
