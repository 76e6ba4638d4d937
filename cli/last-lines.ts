import type { ServiceView } from '../control-plane/views/views.ts';
import type { ControlClient } from './control-client.ts';
import { quotedLine } from './render/text.ts';

const LINES_EACH = 10;
const MOST_SERVICES = 5;
const TIMEOUT_MS = 3_000;

/**
 * What the replicas of services wrote last, as lines for people: before a command removes them for not being ready, and
 * what they said with them. Nothing where nothing was written, or where it cannot be read soon.
 */
export async function lastLines(
  client: Pick<ControlClient, 'logs'>,
  services: readonly ServiceView[],
  hurry?: AbortSignal,
): Promise<string[]> {
  // Its own deadline: the command may have been interrupted, and is about to remove what is read here.
  const signal = AbortSignal.any([AbortSignal.timeout(TIMEOUT_MS), ...(hurry ? [hurry] : [])]);
  const tails = await Promise.all(services.slice(0, MOST_SERVICES).map(service => tailOf(client, service, signal)));
  return tails.flat();
}

async function tailOf(
  client: Pick<ControlClient, 'logs'>,
  service: ServiceView,
  signal: AbortSignal,
): Promise<string[]> {
  const { namespace, name } = service;
  const written = new Map<string, string[]>();
  try {
    for await (const line of client.logs({ namespace, names: [name], tail: LINES_EACH, follow: false }, signal)) {
      const lines = written.get(line.replicaId) ?? [];
      written.set(line.replicaId, lines);
      lines.push(line.text);
    }
  } catch {
    // What came until then is shown; the reason for which the command ends is another one, and is told anyway.
  }
  return [...written].flatMap(([replicaId, lines]) => [
    `  last lines of ${name} ${replicaId}:`,
    ...lines.slice(-LINES_EACH).map(line => `  | ${quotedLine(line)}`),
  ]);
}
