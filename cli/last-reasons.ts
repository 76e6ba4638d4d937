import type { ServiceView, WhyView } from '../control-plane/views/views.ts';
import type { Context } from './context.ts';
import type { ControlClient } from './control-client.ts';
import { whyLines } from './render/why.ts';

const MOST_SERVICES = 5;
const TIMEOUT_MS = 3_000;

/**
 * What `outrigger why` says of services that wait for a place, as lines for people: before a command removes them, when
 * nobody can ask any more. Nothing where it cannot be read soon.
 */
export async function lastReasons(
  { err }: Pick<Context, 'err'>,
  client: Pick<ControlClient, 'why'>,
  services: readonly ServiceView[],
): Promise<string[]> {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const waiting = services.filter(s => s.replicas.some(r => r.phase === 'pending')).slice(0, MOST_SERVICES);
  const views = await Promise.allSettled(waiting.map(({ namespace, name }) => client.why(namespace, name, signal)));
  const options = { nowMs: Date.now(), width: Math.max(20, err.width() - 2), style: err.style };
  return views
    .flatMap(view => (view.status === 'fulfilled' ? whyLines(waitingOf(view.value), options) : []))
    .map(line => `  ${line}`);
}

/** Those that have a place were told of as they got it. */
function waitingOf(why: WhyView): WhyView {
  return { ...why, replicas: why.replicas.filter(r => r.waiting) };
}
