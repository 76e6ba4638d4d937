import type { RegisteredEndpoint } from '../ports.ts';
import type { ConsulService } from './consul-api.ts';

/** One endpoint as it should be in Consul. Its identity tells whether a registration under way is still wanted. */
export interface Wanted {
  readonly service: string;
  /** The service's name in Consul. */
  readonly name: string;
  /** Null: it has no address of the kind that is advertised. */
  readonly entry: RegisteredEndpoint | null;
}

export interface Registration {
  readonly id: string;
  readonly wanted: Wanted;
  readonly service: ConsulService;
}

/** What the agent holds under the ids of this instance, by replica id. */
export interface Listing {
  readonly ours: ReadonlyMap<string, ConsulService>;
  /** Somebody else took an id of ours. */
  readonly foreign: ReadonlySet<string>;
}

export interface Repair {
  /** Replica ids. */
  readonly withdraw: readonly string[];
  readonly register: readonly Registration[];
  /** Right as they are, to be renewed; with what to register where Consul lost the check. */
  readonly keep: readonly { readonly id: string; readonly registration: Registration | null }[];
  /** Why single endpoints cannot be registered, in words. */
  readonly problems: readonly string[];
  /** Replica ids of these. */
  readonly never: readonly string[];
}

/** Ours is what carries both the id and the mark of this instance; nothing else is ever changed. */
export function readListing(found: readonly ConsulService[], idPrefix: string, instance: string): Listing {
  const ours = new Map<string, ConsulService>();
  const foreign = new Set<string>();
  for (const service of found) {
    if (!service.id.startsWith(idPrefix)) continue;
    const id = service.id.slice(idPrefix.length);
    if (service.meta['instance'] === instance) ours.set(id, service);
    else foreign.add(id);
  }
  return { ours, foreign };
}

/** Compares and says what to do. With nothing wanted yet (null) everything is kept as an earlier life left it. */
export function planRepair(wanted: ReadonlyMap<string, Wanted> | null, listing: Listing, idPrefix: string): Repair {
  const { ours } = listing;
  if (wanted === null) {
    const keep = [...ours.keys()].map(id => ({ id, registration: null }));
    return { withdraw: [], register: [], keep, problems: [], never: [] };
  }
  const problems: string[] = [];
  const registrable = new Map<string, Registration>();
  const able = [...wanted].filter(([id, { entry }]) => entry !== null && !listing.foreign.has(id));
  const owners = nameOwners(
    able.map(([, endpoint]) => endpoint),
    ours,
  );
  for (const [id, endpoint] of wanted) {
    const problem = problemOf(id, endpoint, listing, owners, idPrefix);
    if (problem !== null) problems.push(problem);
    else registrable.set(id, { id, wanted: endpoint, service: toConsul(idPrefix + id, endpoint) });
  }
  const isRight = ({ id, service }: Registration) => isRegistered(ours.get(id), service);
  const registrations = [...registrable.values()];
  return {
    withdraw: [...ours.keys()].filter(id => !registrable.has(id)),
    register: registrations.filter(r => !isRight(r)),
    keep: registrations.filter(isRight).map(registration => ({ id: registration.id, registration })),
    problems,
    never: [...wanted.keys()].filter(id => !registrable.has(id)),
  };
}

function problemOf(
  id: string,
  { service, name, entry }: Wanted,
  listing: Listing,
  owners: ReadonlyMap<string, string>,
  idPrefix: string,
): string | null {
  if (entry === null) {
    return `replica ${id} of ${service} has no address of the kind that is advertised, so Consul does not list it`;
  }
  if (listing.foreign.has(id)) {
    return `${idPrefix}${id} is registered by somebody else and is left alone, so replica ${id} of ${service} is not listed`;
  }
  const owner = owners.get(name);
  if (owner === service) return null;
  return `${service} would have the same name in Consul (${name}) as ${owner}, so it is not listed; rename one`;
}

/** Two services may not share a name: the one that has it keeps it, otherwise the first by key gets it. */
function nameOwners(able: readonly Wanted[], ours: ReadonlyMap<string, ConsulService>): ReadonlyMap<string, string> {
  const owners = new Map<string, string>();
  const names = new Map(able.map(w => [w.service, w.name]));
  for (const held of ours.values()) {
    const service = `${held.meta['namespace']}/${held.meta['service']}`;
    if (names.get(service) === held.name && !owners.has(held.name)) owners.set(held.name, service);
  }
  for (const [service, name] of [...names].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (!owners.has(name)) owners.set(name, service);
  }
  return owners;
}

function toConsul(id: string, { name, entry }: Wanted): ConsulService {
  return {
    id,
    name,
    address: entry?.host ?? '',
    port: entry?.port ?? 0,
    tags: entry?.tags ?? [],
    meta: entry?.metadata ?? {},
  };
}

function isRegistered(found: ConsulService | undefined, wanted: ConsulService): boolean {
  if (!found) return false;
  const text = ({ name, address, port, tags, meta }: ConsulService) =>
    JSON.stringify([name, address, port, [...tags].sort(), Object.entries(meta).sort()]);
  return text(found) === text(wanted);
}
