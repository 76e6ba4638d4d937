import type { Replica } from '../replica.ts';
import type { Service } from '../service.ts';

/** One more of the generation that is wanted, which waits for a place. */
export function newReplica(id: string, service: Service, now: number): Replica {
  return {
    id,
    service: service.key,
    generation: service.generation,
    createdAt: now,
    attempt: 0,
    failures: 0,
    wasReady: false,
    hasServed: false,
    hasSeenDevices: false,
    replace: false,
    returnedAt: null,
    addresses: [],
    phase: { kind: 'pending', since: now, reasons: [] },
    timings: [{ phase: 'pending', at: now }],
  };
}
