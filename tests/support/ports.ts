import { connect } from "node:net";
import { connect as connectTls } from "node:tls";

const together = 1000;

/** Whether somebody on this host gets a connection. */
export const isOpen = (host: string, port: number, milliseconds = 3_000): Promise<boolean> =>
  new Promise<boolean>((done) => {
    const socket = connect({ host, port, timeout: milliseconds });
    const end = (open: boolean) => {
      socket.destroy();
      done(open);
    };
    socket
      .once("connect", () => end(true))
      .once("error", () => end(false))
      .once("timeout", () => end(false));
  });

/** Every TCP port of an address that gives somebody on this host a connection. */
export async function openPorts(host: string): Promise<number[]> {
  const open: number[] = [];
  let next = 1;
  const scan = async () => {
    for (let port = next++; port < 65536; port = next++) if (await isOpen(host, port)) open.push(port);
  };
  await Promise.all(Array.from({ length: together }, scan));
  return open.sort((one, other) => one - other);
}

/** The same, as a program for Python 3 in a container: its argument is the address, it prints the ports. */
export const openPortsProgram = `
import asyncio, sys
async def scan(ports, found):
    for port in ports:
        try:
            _, writer = await asyncio.wait_for(asyncio.open_connection(sys.argv[1], port), 3)
            writer.close()
            found.append(port)
        except (OSError, asyncio.TimeoutError):
            pass
async def main():
    ports, found = iter(range(1, 65536)), []
    await asyncio.gather(*(scan(ports, found) for _ in range(${together})))
    print(*sorted(found))
asyncio.run(main())
`;

/** Whether a server lets a client in that shows no certificate: it answers an HTTP request. */
export const letsStrangersIn = (host: string, port: number): Promise<boolean> =>
  new Promise<boolean>((done) => {
    const socket = connectTls({ host, port, rejectUnauthorized: false, timeout: 5_000 });
    const end = (answered: boolean) => {
      socket.destroy();
      done(answered);
    };
    socket
      .once("secureConnect", () => socket.write(`GET /version HTTP/1.1\r\nHost: ${host}\r\n\r\n`))
      .once("data", () => end(true))
      .once("error", () => end(false))
      .once("close", () => end(false))
      .once("timeout", () => end(false));
  });

/** The SHA-256 of the certificate that a server shows. */
export const fingerprintOf = (host: string, port: number): Promise<string> =>
  new Promise<string>((done, fail) => {
    const socket = connectTls({ host, port, rejectUnauthorized: false, timeout: 5_000 });
    socket
      .once("secureConnect", () => {
        done(socket.getPeerCertificate().fingerprint256);
        socket.destroy();
      })
      .once("timeout", () => socket.destroy(new Error(`${host}:${port} does not answer`)))
      .once("error", fail);
  });
