import type { ExecutionContext } from 'ava';
import type { ProbeReport } from '../../control-plane/core/observed.ts';
import type { Sidecar } from '../../control-plane/ports.ts';
import { createSidecar, type SidecarOptions } from '../../sidecar/index.ts';
import type { VirtualClock } from '../fakes/clock.ts';
import { until } from '../until.ts';

export const GRPC = { kind: 'grpc' } as const;
export const TCP = { kind: 'tcp' } as const;
export const CONTAINER = { kind: 'container' } as const;

export function report(sidecar: Sidecar, containerId = 'container-1'): ProbeReport {
  const found = sidecar.reports().get(containerId);
  if (!found) throw new Error(`no report of ${containerId}`);
  return found;
}

/** Closed when the test ends, however it ends. */
export function sidecarOf(t: ExecutionContext, options: SidecarOptions): Sidecar {
  const sidecar = createSidecar(options);
  t.teardown(() => sidecar.close());
  return sidecar;
}

export async function owned<T extends { close(): Promise<void> }>(
  t: ExecutionContext,
  starting: Promise<T>,
): Promise<T> {
  const server = await starting;
  t.teardown(() => server.close());
  return server;
}

/** Lets virtual time pass in small steps, with real time between them for the sockets, until it is so. */
export async function advanceUntil(clock: VirtualClock, what: string, condition: () => boolean): Promise<void> {
  const advanced = async () => {
    if (condition()) return true;
    await clock.advance(10);
    return condition();
  };
  await until(what, advanced, { pauseMs: 1 });
}
