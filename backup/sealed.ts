import { createReadStream } from "node:fs";
import { Readable } from "node:stream";
import type { ReadableStream } from "node:stream/web";

/** A file that cannot be restored from; nothing has been changed when it is thrown. */
export class BadFile extends Error {}

/** Encrypts a stream with a passphrase, in the format of age (https://age-encryption.org/v1). */
export async function seal(plain: Readable, passphrase: string, workFactor?: number): Promise<Readable> {
  const { Encrypter } = await import("age-encryption"); // an ES module
  const encrypter = new Encrypter();
  encrypter.setPassphrase(passphrase);
  if (workFactor !== undefined) encrypter.setScryptWorkFactor(workFactor);
  return Readable.fromWeb((await encrypter.encrypt(web(plain))) as ReadableStream);
}

/**
 * What a file holds. A part that was changed, and an end that is missing, are errors of the stream.
 * @throws BadFile where the file is none of ours, or has another passphrase.
 */
export async function unseal(path: string, passphrase: string): Promise<Readable> {
  const { Decrypter } = await import("age-encryption");
  const decrypter = new Decrypter();
  decrypter.addPassphrase(passphrase);
  try {
    return Readable.fromWeb((await decrypter.decrypt(web(createReadStream(path)))) as ReadableStream);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code) throw new BadFile(`${path} cannot be read: ${message}`);
    if (/no identity matched/.test(message))
      throw new BadFile(
        `${path}: the passphrase is not the one it was made with; give that one: --passphrase-file FILE`,
      );
    throw new BadFile(`${path} is no backup, or its beginning is damaged: ${message}`);
  }
}

// The two declarations of the same stream, Node's and the browser's, do not know of each other.
const web = (stream: Readable) => Readable.toWeb(stream) as unknown as globalThis.ReadableStream<Uint8Array>;
