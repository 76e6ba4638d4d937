import type { Observed } from '../observed.ts';
import type { PhaseOf, Replica } from '../replica.ts';
import type { ServiceSpec } from '../spec.ts';

/**
 * Until when at the latest a container waits for the first answer of its own `gpu.check`, by the Clock: what is ready has
 * seen its devices. Null: it waits for none. That the check cannot tell (`unknown`) is an answer too.
 */
export function awaitsDeviceCheckUntil(
  replica: Replica,
  phase: PhaseOf<'starting'>,
  { spec, observed }: { readonly spec: ServiceSpec; readonly observed: Pick<Observed, 'deviceReports'> },
): number | null {
  const isChecked = spec.resources.gpu?.check !== undefined && phase.placement.devices.length > 0;
  if (!isChecked || replica.hasServed || observed.deviceReports.has(phase.container.id)) return null;
  return phase.since + NO_ANSWER_PATIENCE_MS;
}

/** Two questions of DeviceWatch, each with its deadline. An engine that answers no question fails nobody. */
const NO_ANSWER_PATIENCE_MS = 30_000;
