import test from 'ava';
import { effectiveProbes } from '../../control-plane/core/effective-probes.ts';
import { serviceSpec } from '../../control-plane/core/spec.ts';

const BASE = { namespace: 'ns', name: 'svc', image: 'image:1', port: 80 } as const;
const DAY_MS = 24 * 3_600_000;

test('a probe that is written out without figures judges like one that is not written at all', t => {
  const check = { kind: 'tcp' } as const;
  const written = effectiveProbes(
    serviceSpec.parse({ ...BASE, probes: { startup: { check }, readiness: { check }, liveness: { check } } }),
  );
  t.deepEqual(written, effectiveProbes(serviceSpec.parse(BASE)));
});

test('a liveness probe, which kills, is slower to judge than a readiness probe', t => {
  const { readiness, liveness } = effectiveProbes(serviceSpec.parse(BASE));
  for (const key of ['intervalMs', 'timeoutMs', 'failures'] as const) t.true(liveness![key] > readiness![key], key);
});

test('by default an HTTP server that answers "not now" is not ready, and is not restarted for it', t => {
  for (const probes of [{}, { startup: { check: { kind: 'http', expect: 'available' } } }] as const) {
    const { startup, readiness, liveness } = effectiveProbes(serviceSpec.parse({ ...BASE, protocol: 'http', probes }));
    t.like(startup?.check, { path: '/', expect: 'available' });
    t.like(readiness?.check, { path: '/', expect: 'available' });
    t.like(liveness?.check, { path: '/', expect: 'answer' });
  }
});

for (const [name, part] of [
  ['stopGraceMs', (ms: number) => ({ stopGraceMs: ms })],
  ['drain.timeoutMs', (ms: number) => ({ drain: { timeoutMs: ms } })],
] as const) {
  test(`${name} may be a day, and not longer than timers count`, t => {
    t.true(serviceSpec.safeParse({ ...BASE, ...part(DAY_MS) }).success);
    const refused = serviceSpec.safeParse({ ...BASE, ...part(DAY_MS + 1) });
    t.regex(refused.error?.issues[0]?.message ?? '', /at most 24 hours/);
  });
}
