import type { PublishedPort, ServiceSpec } from '../core/spec.ts';
import type { Findings } from '../written-files/findings.ts';

/**
 * Two services of one file that want the same fixed port of a node: the second one could never start beside the first,
 * which the engine would say only after everything else is running.
 */
export function checkHostPorts(specs: readonly ServiceSpec[], findings: Findings): void {
  const taken = new Map<string, { service: string; port: PublishedPort }[]>();
  for (const spec of specs) {
    for (const port of spec.ports) {
      if (port.hostPort === 0) continue;
      const key = `${port.hostPort}/${port.protocol}`;
      const holders = taken.get(key) ?? [];
      const other = holders.find(h => h.service !== spec.name && overlap(h.port.hostIp, port.hostIp));
      if (other) {
        findings.error(
          ['services', spec.name, 'ports'],
          `expected another host port than ${key}, because services "${other.service}" and "${spec.name}" cannot both publish it; ` +
            'give one of them another, or leave the host port out',
        );
      }
      taken.set(key, [...holders, { service: spec.name, port }]);
    }
  }
}

const ANY = new Set(['0.0.0.0', '::', '']);

/** "0.0.0.0" and "::" stand for every address of the node. */
function overlap(left: string, right: string): boolean {
  return left === right || ANY.has(left) || ANY.has(right);
}
