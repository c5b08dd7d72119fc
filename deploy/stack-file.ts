import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { load } from "js-yaml";
import { type Hypervisor, readHypervisors } from "../components/hypervisors";
import { readImage } from "../components/image";
import { readLink } from "../components/link";
import { defaults } from "../components/settings";
import type { ImageChoice } from "../images/catalogue";
import { root } from "./environment";

export const project = "taiga";

export interface StackSettings {
  readonly prefix: string;
  readonly network: string;
  readonly pool: string;
  readonly hypervisors: readonly Hypervisor[];
  /** Whether libvirt makes the network; otherwise the site has it, and this host may well be in it. */
  readonly nat: boolean;
}

export type StackFile = { encryptionsalt?: string; config?: Record<string, unknown> };

export const stackFile = (stack: string): string => join(root, `Pulumi.${stack}.yaml`);

/** @throws Error with the file's name where it is no YAML. */
export function readStackFile(stack: string): StackFile {
  if (!existsSync(stackFile(stack))) return {};
  try {
    return (load(readFileSync(stackFile(stack), "utf8")) ?? {}) as StackFile;
  } catch (error) {
    throw new Error(`Pulumi.${stack}.yaml: ${(error as Error).message}`);
  }
}

/** Where a stack's machines live, as its file says or by default; what is wrong with it is the preview's to say. */
export function settings(stack: string): StackSettings {
  const config = readStackFile(stack).config ?? {};
  const text = (key: string, otherwise: string) =>
    typeof config[key] === "string" ? (config[key] as string) : otherwise;
  const prefix = text("taiga:prefix", `${project}-${stack}`);
  return {
    prefix,
    network: text("taiga:network", defaults.network),
    pool: text("taiga:pool", `/var/lib/taiga/${prefix}`),
    hypervisors: readHypervisors(config["taiga:hypervisors"], text("libvirt:uri", defaults.libvirt), []),
    nat: readLink(config["taiga:link"], { used: [] }, []).mode === "nat",
  };
}

/** What the stack's machines boot; the built image where its file says nothing that can be read: the preview says why. */
export function imageChoice(stack: string): ImageChoice {
  const machines = readStackFile(stack).config?.["taiga:machines"] as { image?: unknown } | undefined;
  return readImage(machines?.image, []);
}

/** Whether the stack's file says where images of Taiga are; what it says is the preview's to judge. */
export const namesImages = (stack: string): boolean =>
  Object.keys(readStackFile(stack).config?.["taiga:images"] ?? {}).length > 0;

/** Whether the stack was made ready before: one without credentials never was, or lost them. */
export const hasCredentials = (stack: string): boolean =>
  readStackFile(stack).config?.["taiga:credentials"] !== undefined;

/** Whether the stack's file has the salt that its secrets were encrypted with, as passphrases need it. */
export const hasSalt = (stack: string): boolean => readStackFile(stack).encryptionsalt !== undefined;
