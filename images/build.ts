import { buildNodeImage } from "./node";
import { buildPayload } from "./payload";

/** Builds what the machines boot and run, unless it is there. */
export async function buildArtifacts(report: (line: string) => void): Promise<void> {
  const node = buildNodeImage((line) => report(`node image: ${line}`));
  await Promise.all([node, buildPayload(node, (line) => report(`payload: ${line}`))]);
}

if (require.main === module) {
  buildArtifacts(console.error).catch((error: Error) => {
    console.error(error.message);
    process.exitCode = 1;
  });
}
