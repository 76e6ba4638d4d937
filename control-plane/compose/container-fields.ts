import type { ServiceSpecInput } from '../core/spec.ts';
import { showValue } from '../written-files/show-value.ts';
import type { Fields } from './fields.ts';

/** The fields that say what runs in the container and are the same in Compose and Outrigger, but for their names. */
export function containerFields(service: Fields): Partial<ServiceSpecInput> {
  return {
    platform: service.text('platform'),
    command: service.texts('command'),
    entrypoint: service.texts('entrypoint'),
    environment: environment(service),
    workingDir: service.text('working_dir'),
    user: service.text('user'),
    groupAdd: service.texts('group_add'),
    hostname: service.text('hostname'),
    labels: Object.fromEntries(service.textMap('labels').map(([key, value]) => [key, value ?? ''])),
    init: service.flag('init'),
    tty: service.flag('tty'),
    readOnly: service.flag('read_only'),
    stopGraceMs: service.durationMs('stop_grace_period'),
    stopSignal: service.text('stop_signal'),
    shmSizeBytes: service.sizeBytes('shm_size'),
    ulimits: ulimits(service),
    dns: service.texts('dns'),
    dnsSearch: service.texts('dns_search'),
    extraHosts: extraHosts(service),
  };
}

function environment(service: Fields): Record<string, string> {
  const variables: [string, string][] = [];
  for (const [name, value] of service.textMap('environment')) {
    const keyPath = [...service.at('environment'), name];
    if (value === null) {
      service.findings.warn(keyPath, `has no value in the environment of this command, so the container gets none`);
    } else if (name === '' || name === '__proto__' || name.includes('=')) {
      service.findings.error(keyPath, `expected the name of an environment variable, found ${showValue(name)}`);
    } else {
      variables.push([name, value]);
    }
  }
  return Object.fromEntries(variables);
}

/** Compose writes `host=address`; Docker takes `host:address`, in which an IPv6 address has colons of its own. */
function extraHosts(service: Fields): string[] {
  return (service.texts('extra_hosts') ?? []).map(entry => entry.replace('=', ':'));
}

function ulimits(service: Fields): Record<string, { soft: number; hard: number }> {
  const limits = service.fields('ulimits');
  if (!limits) return {};
  return Object.fromEntries(
    limits.keys().flatMap(name => {
      if (name.startsWith('x-')) return [];
      const value = limits.take(name);
      if (typeof value !== 'object') {
        const both = Number(value);
        if (Number.isInteger(both)) return [[name, { soft: both, hard: both }]];
        limits.findings.error(limits.at(name), `expected a whole number, found ${showValue(value)}`);
        return [];
      }
      const pair = limits.fields(name)!;
      const soft = pair.number('soft');
      const hard = pair.number('hard');
      pair.end();
      if (soft === undefined && hard === undefined) return [];
      return [[name, { soft: soft ?? hard!, hard: hard ?? soft! }]];
    }),
  );
}
