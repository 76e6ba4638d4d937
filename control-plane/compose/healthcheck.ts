import type { ServiceSpecInput } from '../core/spec.ts';
import type { Fields } from './fields.ts';

/** Compose's `healthcheck`, which Docker itself runs in the container. Zero means Docker's default there. */
export function healthcheck(service: Fields): ServiceSpecInput['healthcheck'] {
  const section = service.fields('healthcheck');
  if (!section) return undefined;
  const disabled = section.flag('disable') ?? false;
  const test = section.texts('test');
  const times = {
    intervalMs: section.durationMs('interval') || undefined,
    timeoutMs: section.durationMs('timeout') || undefined,
    retries: section.number('retries') || undefined,
    startPeriodMs: section.durationMs('start_period'),
  };
  section.ignore('start_interval', 'Outrigger asks a starting replica often by itself');
  section.end();
  if (disabled || test?.[0] === 'NONE') return { test: ['NONE'] };
  if (!test || test.length === 0) {
    section.findings.error(
      section.at('test'),
      "expected the command of the healthcheck, found none; Outrigger does not change an image's own one in part",
    );
    return undefined;
  }
  return { test, ...times };
}
