/** Where each machine's Docker finds its own registry. Docker asks for no certificate there. */
export const registryHost = "127.0.0.1:5000";

/** Of a SHA-256, so many hexadecimal digits that nobody makes another image with the same. */
const digits = 32;

/**
 * An image's name on every machine, which ends with the beginning of its id: another image has another name.
 * @param version for people, where there is one.
 * @example "127.0.0.1:5000/taiga/back:6.10.2-0f3b…"
 */
export function imageName(service: string, id: string, version?: string): string {
  const tag = [...(version ? [version.slice(0, 60)] : []), id.slice(0, digits)].join("-");
  return `${registryHost}/taiga/${service}:${tag}`;
}
