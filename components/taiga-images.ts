import { findImage } from "../images/copied";
import { BadReference, type ImageReference, parseReference } from "../images/reference";
import { imageName } from "../provider/registry/name";
import type { Services } from "./application-settings";
import type { Problem } from "./problem";

/** Taiga's own images: those that its makers publish, or the rehearsal's. */
export const imageServices = ["back", "front", "events", "protected"] as const;
export type ImageService = (typeof imageServices)[number];

/** `taiga:images`: where each is. All of them, or none: rehearsal and Taiga do not understand each other. */
export type TaigaImages = Readonly<Record<ImageService, ImageReference>>;

/** An image that was found, and what units call it. */
export interface ResolvedImage {
  readonly source: string;
  readonly id: string;
  readonly name: string;
  readonly isRehearsal: boolean;
}
export type ResolvedImages = Readonly<Partial<Record<ImageService, ResolvedImage>>>;

/** How the unit files, which run the rehearsal as they stand, call the image of a service. */
export const rehearsalName = (service: ImageService): string => `taiga/${service}:rehearsal`;

const example = (service: string) => `docker://docker.io/taigaio/taiga-${service}:6.10.2`;

/** Reads `taiga:images`. Pure: whether the images are there is not looked at. */
export function readImages(
  given: unknown,
  complain: (field: string, value: unknown, remedy: string) => void,
): TaigaImages | undefined {
  if (given === undefined || given === null) return undefined;
  if (typeof given !== "object" || Array.isArray(given)) {
    complain("images", given, `is no mapping; write one such as { back: ${example("back")}, front: … }`);
    return undefined;
  }
  const written = given as Readonly<Record<string, unknown>>;
  if (Object.keys(written).length === 0) return undefined;
  for (const name of Object.keys(written).filter((each) => !imageServices.some((known) => known === each)))
    complain(
      `images.${name}`,
      written[name],
      `is for no known image; write one of ${imageServices.join(", ")}`,
    );
  const read = imageServices.flatMap((service): [ImageService, ImageReference][] => {
    const text = written[service];
    if (typeof text !== "string") {
      complain(`images.${service}`, text ?? null, `is no image; write one such as ${example(service)}`);
      return [];
    }
    try {
      return [[service, parseReference(text)]];
    } catch (error) {
      if (!(error instanceof BadReference)) throw error;
      complain(`images.${service}`, text, error.message);
      return [];
    }
  });
  return read.length === imageServices.length ? (Object.fromEntries(read) as TaigaImages) : undefined;
}

/** Looks the images up that some service needs: on this host, or where skopeo reaches. */
export function resolveImages(
  images: TaigaImages | undefined,
  services: Services,
): { images: ResolvedImages | undefined; problems: Problem[] } {
  if (!images) return { images: undefined, problems: [] };
  const problems: Problem[] = [];
  const needed = services === "all" ? imageServices : (["back", "front"] as const);
  const found = needed.flatMap((service): [ImageService, ResolvedImage][] => {
    const reference = images[service];
    try {
      const { id, isRehearsal } = findImage(reference);
      const name = imageName(service, id, reference.version);
      return [[service, { source: reference.text, id, name, isRehearsal }]];
    } catch (error) {
      if (!(error instanceof BadReference)) throw error;
      problems.push({
        field: `taiga:images.${service}`,
        message: `${JSON.stringify(reference.text)} ${error.message}`,
      });
      return [];
    }
  });
  return { images: Object.fromEntries(found), problems };
}
