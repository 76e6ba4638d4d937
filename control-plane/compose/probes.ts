import { effectiveProbes, livenessCheck } from '../core/effective-probes.ts';
import type { ProbeCheck, ServiceSpec, ServiceSpecInput } from '../core/spec.ts';
import type { Findings } from '../written-files/findings.ts';
import type { KeyPath } from '../written-files/problem.ts';
import type { XOutrigger, XProbe, XStartupProbe } from './x-outrigger.ts';

type Check = NonNullable<NonNullable<ServiceSpecInput['probes']>['readiness']>['check'];

/**
 * `x-outrigger.probes`. A probe that states times but no check asks the same as its neighbours, or else what the
 * protocol offers.
 * @param bare the spec without probes, for what its protocol offers
 */
export function probes(
  x: NonNullable<XOutrigger['probes']>,
  bare: ServiceSpec,
  at: { keyPath: KeyPath; findings: Findings },
): ServiceSpecInput['probes'] {
  const offered: ProbeCheck | undefined = effectiveProbes(bare).readiness?.check;
  const stated = checkOf(x.readiness) ?? checkOf(x.startup) ?? checkOf(x.liveness) ?? offered;
  function check(name: 'startup' | 'readiness' | 'liveness'): Check | undefined {
    const own = checkOf(x[name]) ?? (name === 'liveness' && stated ? livenessCheck(stated) : stated);
    const keyPath = [...at.keyPath, name];
    if (!own) at.findings.error(keyPath, 'expected one of grpc, http, tcp and container, found none, and no port');
    else if (own.kind === 'container' && !bare.healthcheck) {
      at.findings.warn(keyPath, 'asks for the healthcheck of the container; the file states none, so the image must');
    } else if (own.kind !== 'container' && own.port === undefined && bare.port === undefined) {
      at.findings.error([...keyPath, own.kind], 'expected a port here or under x-outrigger.port, found none');
    }
    return own;
  }
  const startup = x.startup && check('startup');
  const readiness = x.readiness && check('readiness');
  const liveness = x.liveness && check('liveness');
  return {
    ...(startup && {
      startup: { check: startup, timeoutMs: x.startup?.attempt_timeout, deadlineMs: x.startup?.timeout },
    }),
    ...(readiness && { readiness: { check: readiness, ...times(x.readiness) } }),
    ...(liveness && { liveness: { check: liveness, ...times(x.liveness) } }),
  };
}

function times(probe: XProbe | undefined) {
  return { intervalMs: probe?.interval, timeoutMs: probe?.timeout, failures: probe?.failures };
}

function checkOf(probe: XProbe | XStartupProbe | undefined): Check | undefined {
  if (!probe) return undefined;
  if (probe.grpc) return { kind: 'grpc', ...probe.grpc };
  if (probe.http) return { kind: 'http', ...probe.http };
  if (probe.tcp) return { kind: 'tcp', ...probe.tcp };
  if (probe.container) return { kind: 'container' };
  return undefined;
}
