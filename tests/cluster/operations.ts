import fc from 'fast-check';
import type { ServiceSpecInput } from '../../control-plane/core/spec.ts';
import type { Change } from './acknowledged.ts';
import { GIB, gpuService } from './gpu-service.ts';
import type { Request } from './invariants.ts';
import type { Limits } from './lifelines.ts';

export const NODES = ['a', 'b', 'c'];

/** What the services ask for, by their namespaces; together more than there is. */
export const REQUESTS: Readonly<Record<string, Request | null>> = {
  any: { count: 1, models: [], exclusive: true },
  small: { count: 1, models: ['SIM-A'], exclusive: true },
  pair: { count: 2, models: ['SIM-B'], exclusive: true },
  tenth: { count: 1, models: [], exclusive: false, memoryBytes: 10 * GIB },
  half: { count: 1, models: ['SIM-B'], exclusive: false, memoryBytes: 35 * GIB },
  none: null,
  // Nobody scales or updates these: they are what is lost and found again, killed and moved.
  steady: { count: 1, models: [], exclusive: true },
  'steady-too': { count: 1, models: ['SIM-A'], exclusive: false, memoryBytes: 10 * GIB },
  // It ends by itself soon after it is ready, again and again, and never comes to rest.
  crashing: null,
};
export function requestOf({ namespace }: { readonly namespace: string }): Request | null {
  return REQUESTS[namespace] ?? null;
}

export const NAMESPACES = Object.keys(REQUESTS);
export const UNTOUCHED: ReadonlySet<string> = new Set(['steady', 'steady-too', 'crashing']);
export const CRASHING = 'crashing';

const MOST = 4;
const SURGE = 1;

/** How many there may be at once, and how many are always wanted of what nobody changes. */
export const LIMITS: Limits = {
  mostAtOnce: namespace => (UNTOUCHED.has(namespace) ? wantedOf(namespace) : MOST) + SURGE,
  steadyReplicas: namespace => (UNTOUCHED.has(namespace) && namespace !== CRASHING ? wantedOf(namespace) : null),
};

/** What is there from the start. */
export const FIRST: readonly (Change & { what: 'up' })[] = NAMESPACES.map(namespace => ({
  what: 'up',
  namespace,
  replicas: wantedOf(namespace),
  revision: 0,
}));

function wantedOf(namespace: string): number {
  return namespace === CRASHING ? 1 : 2;
}

export type Operation =
  | Change
  | { readonly what: 'kill'; readonly nth: number }
  | { readonly what: 'cut' | 'back' | 'drain' | 'undrain'; readonly node: string }
  /** kill -9 of the control plane, and a new one. */
  | { readonly what: 'crash' }
  /** The same while it is being asked for something: that comes about if it was acknowledged. */
  | { readonly what: 'crash_during'; readonly change: Change; readonly afterMs: number };

const namespace = fc.constantFrom(...NAMESPACES.filter(name => !UNTOUCHED.has(name)));
const replicas = fc.integer({ min: 0, max: MOST });
const node = fc.constantFrom(...NODES);
const of = <What extends string>(what: What) => fc.constant(what);
const change: fc.Arbitrary<Change> = fc.oneof(
  { weight: 22, arbitrary: fc.record({ what: of('up'), namespace, replicas, revision: fc.nat(2) }) },
  { weight: 26, arbitrary: fc.record({ what: of('scale'), namespace, replicas }) },
  { weight: 7, arbitrary: fc.record({ what: of('down'), namespace }) },
);
export const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 50, arbitrary: change },
  { weight: 9, arbitrary: fc.record({ what: of('kill'), nth: fc.nat(30) }) },
  { weight: 4, arbitrary: fc.record({ what: of('cut'), node }) },
  { weight: 4, arbitrary: fc.record({ what: of('back'), node }) },
  { weight: 4, arbitrary: fc.record({ what: of('drain'), node }) },
  { weight: 8, arbitrary: fc.record({ what: of('undrain'), node }) },
  { weight: 1, arbitrary: fc.record({ what: of('crash') }) },
  { weight: 2, arbitrary: fc.record({ what: of('crash_during'), change, afterMs: fc.integer({ min: 0, max: 25 }) }) },
);

export function specOf({ namespace: name, replicas: wanted, revision }: Change & { what: 'up' }): ServiceSpecInput {
  const gpu = REQUESTS[name];
  const range = UNTOUCHED.has(name) ? { min: wanted, max: wanted } : { min: 0, max: MOST };
  return gpuService(
    { namespace: name, ...(gpu && { gpu }) },
    {
      environment: { REVISION: String(revision) },
      command: ['sh', '-c', COMMANDS[name] ?? `${PAGE}; ${SERVER}`],
      replicas: { ...range, initial: wanted },
      update: { maxSurge: SURGE },
    },
  );
}

const PAGE = 'mkdir -p /tmp/w && hostname > /tmp/w/index.html';
/** It writes of each answer. */
const SERVER = 'exec httpd -f -vv -p 8080 -h /tmp/w';
const COMMANDS: Readonly<Record<string, string>> = {
  // What would be published before a probe passed would be seen.
  tenth: `${PAGE}; sleep 1.5; ${SERVER}`,
  steady: `${PAGE}; sleep 1.5; ${SERVER}`,
  [CRASHING]: `${PAGE}; (${SERVER}) & sleep 1; exit 3`,
};
