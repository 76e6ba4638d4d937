import type { ServiceSpec } from './spec.ts';

/**
 * The part of a spec that running containers depend on, as canonical JSON. Two specs with the same template need no
 * new generation of replicas: only counts, drain, update and restart policies differ.
 */
export function templateOf(spec: ServiceSpec): string {
  const {
    replicas: _r,
    update: _u,
    drain: _d,
    restart: _s,
    idleTimeoutMs: _i,
    dependsOn: _o,
    scope: _c,
    priority: _p,
    ...template
  } = spec;
  return canonicalJson(template);
}

/** JSON with sorted keys, so that equal values are equal text. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, v: unknown) =>
    v !== null && typeof v === 'object' && !Array.isArray(v)
      ? Object.fromEntries(Object.entries(v).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
      : v,
  );
}
