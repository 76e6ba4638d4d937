import {
  livenessProbe,
  type Probe,
  type ProbeCheck,
  probe,
  type ServiceSpec,
  type StartupProbe,
  startupProbe,
} from './spec.ts';

/**
 * The probes that hold for a spec: those it states, otherwise what its protocol offers. A service with a Docker
 * healthcheck is asked through that; one without a port counts as ready once it runs.
 */
export function effectiveProbes(spec: ServiceSpec): {
  startup: StartupProbe | null;
  readiness: Probe | null;
  liveness: Probe | null;
} {
  const check = defaultCheck(spec);
  const { startup, readiness, liveness } = spec.probes;
  const fallback = readiness?.check ?? startup?.check ?? check;
  return {
    startup: startup ?? (fallback && { check: fallback, ...STARTUP_TIMES }),
    readiness: readiness ?? (fallback && { check: fallback, ...READINESS_TIMES }),
    liveness: liveness ?? (fallback && { check: livenessCheck(fallback), ...LIVENESS_TIMES }),
  };
}

/** What liveness asks where it states nothing: as readiness does, but "not now" is no reason to load a model anew. */
export function livenessCheck<Check extends { kind: string; expect?: string | undefined }>(check: Check): Check {
  return check.kind === 'http' && check.expect === 'available' ? { ...check, expect: 'answer' } : check;
}

const STARTUP_TIMES = startupProbe.omit({ check: true }).parse({});
const READINESS_TIMES = probe.omit({ check: true }).parse({});
const LIVENESS_TIMES = livenessProbe.omit({ check: true }).parse({});

function defaultCheck(spec: ServiceSpec): ProbeCheck | null {
  if (spec.healthcheck && spec.healthcheck.test[0] !== 'NONE') return { kind: 'container' };
  if (spec.port === undefined) return null;
  switch (spec.protocol) {
    case 'grpc':
      return { kind: 'grpc', service: '', expect: 'answer' };
    case 'http':
      return { kind: 'http', path: '/', headers: {}, expect: 'available' };
    case 'tcp':
      return { kind: 'tcp' };
    default:
      return spec.protocol satisfies never;
  }
}
