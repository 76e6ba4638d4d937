import type { Applied } from '../apply-once.ts';
import type { Context } from '../context.ts';
import type { Revival } from '../revival.ts';

/** One `up` whose services were accepted. */
export interface UpRun extends Applied {
  readonly context: Context;
  readonly namespace: string;
  readonly startedAtMs: number;
  /** What a container gets to end by itself when it is taken down; undefined: what its service says. */
  readonly graceMs: number | undefined;
  readonly revival: Revival;
  /** Fires at the second interruption: nothing is waited for any more. */
  readonly hurry: AbortSignal;
}

export function removalOf({ client, namespace, graceMs, hurry }: UpRun) {
  return { client, namespace, volumes: false, hurry, ...(graceMs !== undefined && { graceMs }) };
}

export function createdBy({ results }: Pick<Applied, 'results'>): string[] {
  return results.filter(r => r.outcome === 'created').map(r => r.service.name);
}
