import type { ServiceView } from '../../control-plane/views/views.ts';
import type { Context, ProjectOptions } from '../context.ts';
import type { ControlClient } from '../control-client.ts';
import { EXIT_CODE, type ExitCode } from '../exit-code.ts';
import { followServices } from '../follow-services.ts';
import { parseTimeoutMs } from '../parse-values.ts';
import { openProgressDisplay } from '../progress-display.ts';
import { singleLine } from '../render/text.ts';
import { formatDuration } from '../render/units.ts';
import { requireNode } from '../require-node.ts';

export interface DrainOptions extends ProjectOptions {
  wait?: boolean;
  waitTimeout?: string;
}

/** The node takes no replicas any more, and those it has move away, new ones first. */
export async function drainNode(context: Context, given: string | undefined, options: DrainOptions): Promise<ExitCode> {
  const timeoutMs = options.waitTimeout === undefined ? undefined : parseTimeoutMs(options.waitTimeout);
  const { err, signal } = context;
  const client = await context.client();
  const { name } = requireNode(await client.nodes(signal), given);
  const known = await client.services(undefined, signal);
  const node = await client.drainNode(name, signal);
  const isWaiting = options.wait === true || timeoutMs !== undefined;
  if (!isWaiting) {
    if (context.options.json) context.out.json(node);
    else if (node.replicas === 0) err.line(`${name} takes no more replicas, and has none`);
    else {
      const what = `${counted(node.replicas)} ${node.replicas === 1 ? 'moves' : 'move'} away`;
      err.line(`${name} takes no more replicas; ${what}`);
      await tellStuck(context, client, { name, known });
    }
    return EXIT_CODE.ok;
  }
  const startedAt = performance.now();
  const left = await waitUntilEmpty(context, { client, name, known, timeoutMs });
  if (context.options.json) context.out.json(requireNode(await client.nodes(signal), name));
  if (left.length === 0) {
    err.line(`${err.style('green', 'drained')} ${name} in ${formatDuration(performance.now() - startedAt)}`);
    return EXIT_CODE.ok;
  }
  err.line(
    `${err.style('red', 'error:')} ${counted(left.length)} ${left.length === 1 ? 'is' : 'are'} still on ${name}:`,
  );
  for (const { service, id } of left) err.line(`  - ${service.namespace}/${service.name} ${id}`);
  const stuck = [...new Set(left.map(({ service }) => `${service.namespace}/${service.name}`))];
  err.line(`${err.style('dim', 'next:')}  "outrigger why ${stuck[0]}" says what holds it up; the drain goes on`);
  return EXIT_CODE.failed;
}

/**
 * What is to take the place of those on the node is asked for at once, and has no place where none is free: then nothing moves
 * for now, which a person wants to know before walking away.
 */
async function tellStuck(
  context: Context,
  client: ControlClient,
  { name, known }: { name: string; known: readonly ServiceView[] },
): Promise<void> {
  const before = new Set(known.flatMap(service => service.replicas.map(r => r.id)));
  const affected = (services: readonly ServiceView[]) => services.filter(service => onNode(service, name).length > 0);
  const newcomers = (service: ServiceView) => service.replicas.filter(r => !before.has(r.id));
  const signal = AbortSignal.any([context.signal, AbortSignal.timeout(LOOK_MS)]);
  let services: readonly ServiceView[] = [];
  try {
    for await (services of followServices(client, undefined, { signal, giveUpAfterMs: LOOK_MS, onLost: () => {} })) {
      if (affected(services).every(service => newcomers(service).length > 0)) break;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
    context.signal.throwIfAborted();
  }
  for (const service of affected(services)) {
    const waiting = newcomers(service).find(r => r.phase === 'pending');
    // Where one goes first, the next one has its place.
    const isMoving = service.replicas.some(r => r.phase === 'draining' || r.phase === 'stopping');
    if (waiting === undefined || isMoving) continue;
    const { err } = context;
    const what = `${service.namespace}/${service.name}`;
    const reason = waiting.message === '' ? 'its successor has no place' : singleLine(waiting.message);
    err.line(`${err.style('yellow', 'warning:')} ${what} cannot move now and stays: ${reason}`);
    err.line(`  "outrigger why ${what}" says what would help; "outrigger nodes undrain ${name}" gives the drain up`);
  }
}

/** The next step of the control plane comes within a fraction of it. */
const LOOK_MS = 2_000;

interface Left {
  readonly service: ServiceView;
  readonly id: string;
}

/** Shows how replicas leave the node until none is left, or the time is over; resolves with those that are left. */
async function waitUntilEmpty(
  context: Context,
  wait: { client: ControlClient; name: string; known: readonly ServiceView[]; timeoutMs: number | undefined },
): Promise<readonly Left[]> {
  const { client, name, known, timeoutMs } = wait;
  const deadline = new AbortController();
  const timer = timeoutMs === undefined ? undefined : setTimeout(() => deadline.abort(TIMED_OUT), timeoutMs);
  const display = await openProgressDisplay(context.err, { quiet: context.options.json === true, known });
  const leftOf = (services: readonly ServiceView[]) =>
    services.flatMap(service => onNode(service, name).map(({ id }) => ({ service, id })));
  let left: readonly Left[] = leftOf(known);
  try {
    const follow = followServices(client, undefined, {
      signal: AbortSignal.any([context.signal, deadline.signal]),
      giveUpAfterMs: GIVE_UP_AFTER_MS,
      onLost: error => display.note(`${error.message} Waiting for it to come back.`),
    });
    for await (const services of follow) {
      left = leftOf(services);
      display.update(services.flatMap(service => moving(service, name, known)));
      if (left.length === 0) return left;
    }
    return left;
  } catch (error) {
    if (error === TIMED_OUT) return left;
    if (context.signal.aborted) {
      display.stop();
      context.err.line(`the drain goes on; end it with: outrigger nodes undrain ${name}`);
    }
    throw error;
  } finally {
    clearTimeout(timer);
    display.stop();
  }
}

const TIMED_OUT = Symbol('timed out');
const GIVE_UP_AFTER_MS = 60_000;

/** Those that hold a place on the node; one that gave up holds none. */
function onNode(service: ServiceView, name: string) {
  return service.replicas.filter(r => r.node === name && r.phase !== 'failed');
}

/** Of a service that moves: the replicas on the node, and those that came since. Nothing of the others. */
function moving(service: ServiceView, name: string, known: readonly ServiceView[]): ServiceView[] {
  const before = known.find(k => k.name === service.name && k.namespace === service.namespace);
  if (!before?.replicas.some(r => r.node === name)) return [];
  const old = new Set(before.replicas.filter(r => r.node !== name).map(r => r.id));
  const replicas = service.replicas.filter(r => !old.has(r.id));
  return replicas.length === 0 ? [] : [{ ...service, name: `${service.namespace}/${service.name}`, replicas }];
}

function counted(replicas: number): string {
  return `${replicas} ${replicas === 1 ? 'replica' : 'replicas'}`;
}
