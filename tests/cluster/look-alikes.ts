import type Docker from 'dockerode';
import { LABELS, PROBE_LABEL } from '../../control-plane/engine/docker/labels.ts';
import type { NestedEngine } from '../engines/nested-engine.ts';
import { BUSYBOX_IMAGE } from '../images/busybox.ts';

/** Carried by containers of these tests that are nobody's replicas; says which it is. */
export const FOREIGN_LABEL = 'outrigger-test.foreign';

/**
 * Puts containers on each engine that look like replicas of ours and are none, running and only created. `labels` are
 * those of a real replica. Resolves to what tells how they are: the same text as long as nobody touched them.
 */
export async function plantLookAlikes(
  engines: ReadonlyMap<string, NestedEngine>,
  labels: Readonly<Record<string, string>>,
): Promise<() => Promise<readonly string[]>> {
  const { [LABELS.instance]: instance = '', ...nobodys } = labels;
  const kinds: Readonly<Record<string, Record<string, string>>> = {
    'of another control plane': { ...labels, [LABELS.instance]: 'another-instance' },
    'without an instance': nobodys,
    'of our instance and no replica': { [LABELS.instance]: instance, [LABELS.attempt]: 'first' },
    'a probe of another control plane': { [PROBE_LABEL]: 'another-instance' },
  };
  const planted = await Promise.all(
    [...engines].flatMap(([node, { docker }]) =>
      Object.entries(kinds).flatMap(([kind, its]) =>
        [true, false].map(async isRunning => {
          const name = `${kind}${isRunning ? '' : ', only created'}`;
          const container = await docker.createContainer({
            Image: BUSYBOX_IMAGE,
            Cmd: ['sleep', '86400'],
            Labels: { ...its, [FOREIGN_LABEL]: name },
          });
          if (isRunning) await container.start();
          return { node, name, container };
        }),
      ),
    ),
  );
  return async () =>
    await Promise.all(
      planted.map(async ({ node, name, container }) => `${name} on ${node}: ${await state(container)}`),
    );
}

async function state(container: Docker.Container): Promise<string> {
  const inspected = await container.inspect().catch((error: { statusCode?: number }) => {
    if (error.statusCode === 404) return null;
    throw error;
  });
  if (!inspected) return 'gone';
  const { Status, Pid, StartedAt } = inspected.State;
  return `${inspected.Name} ${Status}, process ${Pid} since ${StartedAt}`;
}
