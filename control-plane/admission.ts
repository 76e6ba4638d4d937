import { checkBinds } from './admission/check-binds.ts';
import { checkDevices } from './admission/check-devices.ts';
import { checkLabels } from './admission/check-labels.ts';
import { checkNamespaces } from './admission/check-namespaces.ts';
import { checkNetworks } from './admission/check-networks.ts';
import { checkPrivileges } from './admission/check-privileges.ts';
import { checkVolumes } from './admission/check-volumes.ts';
import type { AdmissionSurroundings, Denial } from './admission/denial.ts';
import type { AdmissionPolicy } from './admission/policy.ts';
import type { ServiceSpec } from './core/spec.ts';

export type { AdmissionSurroundings, Denial } from './admission/denial.ts';
export { type AdmissionPolicy, admissionPolicy, defaultPolicy, loadPolicy } from './admission/policy.ts';

export type Admission =
  | { readonly kind: 'admitted'; readonly warnings: readonly string[] }
  | { readonly kind: 'rejected'; readonly reasons: readonly Denial[] };

/**
 * What a spec may ask for: the only way into the engine. Everything that reaches out of a container is denied unless
 * the operator's policy names it; the engine's socket is denied whatever the policy says. All reasons are given at once.
 */
export async function admit(
  spec: ServiceSpec,
  policy: AdmissionPolicy,
  surroundings: AdmissionSurroundings,
): Promise<Admission> {
  const reasons = [
    ...checkPrivileges(spec, policy),
    ...checkNamespaces(spec, policy),
    ...checkNetworks(spec, policy),
    ...checkDevices(spec, policy),
    ...checkLabels(spec),
    ...checkVolumes(spec),
    ...(await checkBinds(spec, policy, surroundings)),
  ].map(({ keyPath, ...rest }) => ({ keyPath: `services.${spec.name}.${keyPath}`, ...rest }));
  return reasons.length > 0 ? { kind: 'rejected', reasons } : { kind: 'admitted', warnings: warningsOf(spec) };
}

function warningsOf(spec: ServiceSpec): string[] {
  const fixed = spec.ports.filter(({ hostPort }) => hostPort > 0);
  if (fixed.length === 0 || spec.replicas.max <= 1) return [];
  const ports = fixed.map(({ hostPort }) => hostPort).join(', ');
  return [
    `services.${spec.name}.ports: only one replica at a time can hold host port ${ports}, and up to ${spec.replicas.max} are wanted; leave the host port out to have one chosen for each`,
  ];
}
