import type { ProjectOptions } from '../context.ts';
import { parseTimeoutMs } from '../parse-values.ts';
import { parseScale } from '../service-reference.ts';

export interface UpOptions extends ProjectOptions {
  detach?: boolean;
  /** Waits in any case; as in Compose it does not stay. */
  wait?: boolean;
  waitTimeout?: string;
  /** Between the stop signal and the kill, of what this command stops. */
  timeout?: string;
  removeOrphans?: boolean;
  /** --build: true, --no-build: false, neither: only what is missing. */
  build?: boolean;
  scale?: string[];
  pull?: string;
}

/** What an `up` is asked for, its values read. */
export interface Asked {
  readonly options: UpOptions;
  /** How long readiness is waited for; undefined: as long as it takes. */
  readonly timeoutMs: number | undefined;
  /** What a container gets to end by itself when it is taken down; undefined: what its service says. */
  readonly graceMs: number | undefined;
  /** The numbers of --scale by service name. */
  readonly scales: ReadonlyMap<string, number>;
}

/** @throws OutriggerError, a wrong use, where a value cannot be read */
export function parseUpOptions(options: UpOptions): Asked {
  return {
    options,
    timeoutMs: options.waitTimeout === undefined ? undefined : parseTimeoutMs(options.waitTimeout),
    graceMs: options.timeout === undefined ? undefined : parseTimeoutMs(options.timeout),
    scales: new Map((options.scale ?? []).map(parseScale).map(({ name, replicas }) => [name, replicas])),
  };
}
