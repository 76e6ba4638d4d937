import type { ProbeCheck } from '../control-plane/core/spec.ts';
import type { Clock, ProbeTarget } from '../control-plane/ports.ts';
import type { Slots } from '../control-plane/slots.ts';
import { EXPIRED, withDeadline } from './deadline.ts';
import { containerProbe } from './probes/container.ts';
import { GrpcProbe } from './probes/grpc.ts';
import { httpProbe } from './probes/http.ts';
import { authorityOf, describeSocketError, failed, type ProbeAddress, type ProbeResult } from './probes/result.ts';
import { tcpProbe } from './probes/tcp.ts';

/**
 * Asks one container, by whichever of its hosts answers. While none is known to work all are asked at once and the
 * first that passes is kept; after a failure all are tried again, so that a changed network mends itself.
 */
export class Asker {
  readonly #clock: Clock;
  readonly #slots: Slots;
  readonly #grpc = new Map<string, GrpcProbe>();
  #target: ProbeTarget;
  #host: string | null = null;

  constructor(target: ProbeTarget, seams: { clock: Clock; slots: Slots }) {
    this.#target = target;
    this.#clock = seams.clock;
    this.#slots = seams.slots;
  }

  update(target: ProbeTarget): void {
    this.#target = target;
  }

  /** Never rejects for what the container does, only with the signal's reason. Takes `timeoutMs` and a slot at most. */
  async ask(check: ProbeCheck, timeoutMs: number, signal: AbortSignal): Promise<ProbeResult> {
    signal.throwIfAborted();
    const ways = this.ways(check);
    if (ways.length === 1) return ways[0]!(timeoutMs, signal);
    const others = new AbortController();
    const cancel = () => others.abort(signal.reason);
    signal.addEventListener('abort', cancel, { once: true });
    try {
      return await firstPassing(ways.map(way => way(timeoutMs, others.signal)));
    } finally {
      signal.removeEventListener('abort', cancel);
      others.abort(new Error('another address answered'));
    }
  }

  /** At least one way to ask; several while it is not known which of the container's hosts can be reached. */
  ways(check: ProbeCheck): Way[] {
    if (check.kind === 'container') return [async () => containerProbe(this.#target.containerHealth)];
    if ((check.port ?? this.#target.spec.port) === undefined) {
      const message = `the ${check.kind} probe names no port and the service has none; give the probe a port`;
      return [async () => failed(message)];
    }
    const addresses = this.addresses(check.port);
    if (addresses.length === 0) return [async () => ({ kind: 'unknown', message: 'the container has no address yet' })];
    return addresses.map(address => (timeoutMs, signal) => this.#askAt(check, address, timeoutMs, signal));
  }

  /** Where a port of the container may be reached now: the one kept, otherwise all. Absent: the service's port. */
  addresses(port: number | undefined = this.#target.spec.port): ProbeAddress[] {
    if (port === undefined) return [];
    const all = this.#target.hosts.flatMap(({ host, portOf }) => {
      const there = portOf === null ? port : portOf[port];
      return there === undefined ? [] : [{ host, port: there, forwarded: portOf !== null }];
    });
    const kept = all.filter(address => address.host === this.#host);
    return kept.length > 0 ? kept : all;
  }

  close(): void {
    for (const probe of this.#grpc.values()) probe.close();
    this.#grpc.clear();
  }

  async #askAt(
    check: Exclude<ProbeCheck, { kind: 'container' }>,
    address: ProbeAddress,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<ProbeResult> {
    const attempt = (inner: AbortSignal) => this.#probe(check, address, inner);
    const result = await this.#slots
      .run(() => withDeadline(attempt, { clock: this.#clock, timeoutMs, signal }), signal)
      .catch(error => {
        if (signal.aborted) throw error;
        return failed(`${check.kind} probe of ${authorityOf(address)}: ${describeSocketError(error)}`);
      });
    if (result === EXPIRED) {
      this.#host = null;
      return failed(`${check.kind} probe of ${authorityOf(address)}: no answer within ${timeoutMs} ms`);
    }
    this.#host = result.kind === 'passed' ? address.host : null;
    return result;
  }

  #probe(
    check: Exclude<ProbeCheck, { kind: 'container' }>,
    address: ProbeAddress,
    signal: AbortSignal,
  ): Promise<ProbeResult> {
    switch (check.kind) {
      case 'grpc':
        return this.#grpcProbe(address).ask(check, signal);
      case 'http':
        return httpProbe(check, address, signal);
      case 'tcp':
        return tcpProbe(address, this.#clock, signal);
      default:
        return check satisfies never;
    }
  }

  #grpcProbe(address: ProbeAddress): GrpcProbe {
    const key = authorityOf(address);
    let probe = this.#grpc.get(key);
    if (!probe) {
      // Ports that the engine forwards change; what no longer leads to the container is not kept.
      if (this.#grpc.size >= MAX_KEPT_CONNECTIONS) this.close();
      probe = new GrpcProbe(address);
      this.#grpc.set(key, probe);
    }
    return probe;
  }
}

export type Way = (timeoutMs: number, signal: AbortSignal) => Promise<ProbeResult>;

const MAX_KEPT_CONNECTIONS = 8;

/** The first result that passed; where none did, the first address's. */
async function firstPassing(results: readonly Promise<ProbeResult>[]): Promise<ProbeResult> {
  const passing = results.map(async result => {
    const settled = await result;
    if (settled.kind !== 'passed') throw settled;
    return settled;
  });
  return Promise.any(passing).catch(() => results[0]!);
}
