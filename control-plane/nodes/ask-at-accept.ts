import type { ServiceSpec } from '../core/spec.ts';
import type { Clock, Engine } from '../ports.ts';
import { within } from '../within.ts';

/** Whom is asked while somebody waits for a spec to be accepted: none longer than half a second, and none that is known to be away. */
export interface Asked {
  /** Of the nodes that answer, by their names. */
  readonly engines: readonly Engine[];
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/**
 * What the image's reference points to on the first node, by name, that has it; null: it is not known, which changes
 * nothing.
 */
export async function imageIdOn({ engines, clock, signal }: Asked, image: string): Promise<string | null> {
  const limits = { clock, timeoutMs: DEADLINE_MS, signal };
  const answers = await Promise.all(
    engines.map(engine =>
      within(limits, `looking for image ${image}`, inTime => engine.imageId(image, inTime)).catch(() => null),
    ),
  );
  return answers.find(id => id !== null) ?? null;
}

/**
 * Warnings of subnets of the spec that its networks would be refused for on nodes as they are now. What cannot be known in
 * time is told at the first start there.
 * @param isAlone there is one node only, which needs no name
 */
export async function subnetTroublesOn(
  { engines, clock, signal }: Asked,
  spec: ServiceSpec,
  { isAlone }: { readonly isAlone: boolean },
): Promise<readonly string[]> {
  if (spec.networks.every(({ external, subnets }) => external || subnets.length === 0)) return [];
  const limits = { clock, timeoutMs: DEADLINE_MS, signal };
  const answers = await Promise.all(
    engines.map(async engine => {
      const what = `looking for what the subnets of ${spec.name} cover on node ${engine.node}`;
      const troubles = await within(limits, what, inTime => engine.subnetTroubles(spec, inTime)).catch(() => []);
      const where = isAlone ? '' : `node ${engine.node}: `;
      return troubles.map(
        trouble =>
          `${where}${trouble}; as it is, no replica starts there: leave the subnet out, or take one that is free`,
      );
    }),
  );
  return answers.flat();
}

/** Of the one second that an answer may take while an engine hangs that nobody has noticed yet. */
const DEADLINE_MS = 500;
