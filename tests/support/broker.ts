import { type AddressInfo, createServer, type Socket } from "node:net";
import { type Channel, type ChannelModel, connect } from "amqplib";
import type { Machine, SshPool } from "../../provider/clients/ssh";

/**
 * A connection to a broker that only machines and their containers reach, through ssh to a machine.
 * @param host what the machine is to connect to: its ambassador's address, or its own for its own node.
 */
export async function brokerConnection(
  ssh: SshPool,
  machine: Machine,
  host: string,
  password: string,
): Promise<{ connection: ChannelModel; close(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    ssh.openTcp(machine, host, 5672).then(
      (channel) => {
        for (const end of [socket, channel]) end.on("error", () => socket.destroy());
        socket.pipe(channel).pipe(socket);
      },
      () => socket.destroy(),
    );
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  try {
    const connection = await connect(
      { hostname: "127.0.0.1", port, username: "taiga", password, vhost: "taiga" },
      { timeout: 20_000 },
    );
    connection.on("error", () => {}); // it may be lost with its machine
    const close = async () => {
      await connection.close().catch(() => {});
      server.close();
      // One whose connection the broker ended stays open at this end.
      for (const socket of sockets) socket.destroy();
    };
    return { connection, close };
  } catch (error) {
    server.close();
    throw error;
  }
}

/** What a machine's node of the broker makes of an Erlang expression, as text. */
export const evaluate = async (ssh: SshPool, machine: Machine, expression: string): Promise<string> =>
  (
    await ssh.succeed(
      machine,
      `sudo docker exec -u rabbitmq taiga-broker rabbitmqctl -q eval '${expression}.'`,
    )
  ).trim();

/** All that is in a queue, in its order; nothing is in it then. */
export async function drain(channel: Channel, queue: string): Promise<string[]> {
  const got: string[] = [];
  for (;;) {
    const message = await channel.get(queue, { noAck: true });
    if (!message) return got;
    got.push(message.content.toString());
  }
}
