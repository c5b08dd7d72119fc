import type * as pulumi from "@pulumi/pulumi";
import { DynamicResource } from "../dynamic";

export interface CertificateArgs {
  /** A name that the certificate is for. */
  readonly commonName: string;
  /** IPv4 addresses that it is for. */
  readonly addresses: readonly string[];
  /** How long it is good for; an update renews it in the last 30 of them, or the last third. */
  readonly days: number;
}

/** A certificate of the stack's CA. `pulumi up` renews it, with a new key, before it ends. */
export class Certificate extends DynamicResource {
  /** Private key and certificate, PEM, in one text. Secret. */
  declare readonly bundle: pulumi.Output<string>;
  declare readonly certificate: pulumi.Output<string>;
  /** ISO 8601. */
  declare readonly notAfter: pulumi.Output<string>;

  constructor(name: string, args: CertificateArgs, options?: pulumi.CustomResourceOptions) {
    const outputs = { bundle: undefined, certificate: undefined, notAfter: undefined };
    super(
      "certificate",
      "tls:Certificate",
      name,
      { ...outputs, ...args },
      { ...options, additionalSecretOutputs: ["bundle"] },
    );
  }
}
