import type { ErrorCode } from '../../control-plane/core/errors.ts';
import type { FakeContainer } from './engine-node.ts';

/** What a container of the fake engine does once it is started. */
export interface Behaviour {
  /** The start itself fails; the container stays `created`. */
  readonly refusesStart?: { readonly code: ErrorCode; readonly message: string };
  /** Lines on stdout right after the start. */
  readonly prints: readonly string[];
  /** Ends by itself; absent: runs until it is stopped. */
  readonly exits?: { readonly afterMs: number; readonly code: number; readonly oomKilled?: boolean };
  /** From stop signal to exit; null: it ignores the signal. */
  readonly stopMs: number | null;
  readonly stopCode: number;
  readonly health?: 'starting' | 'healthy' | 'unhealthy';
}

/**
 * The default: the command says it, in words. `serve` · `print LINE...` (and runs on) · `exit CODE [LINE...]` ·
 * `exit-after MS CODE` · `oom` · `ignore-stop` · `slow-stop MS` · `missing-binary`.
 */
export function behaviourOf(container: FakeContainer): Behaviour {
  const [verb = 'serve', ...rest] = container.request.spec.command ?? [];
  const plain: Behaviour = { prints: [], stopMs: 0, stopCode: 0 };
  switch (verb) {
    case 'print':
      return { ...plain, prints: rest };
    case 'exit':
      return { ...plain, prints: rest.slice(1), exits: { afterMs: 0, code: Number(rest[0]) } };
    case 'exit-after':
      return { ...plain, exits: { afterMs: Number(rest[0]), code: Number(rest[1]) } };
    case 'oom':
      return { ...plain, exits: { afterMs: 0, code: 137, oomKilled: true } };
    case 'ignore-stop':
      return { ...plain, stopMs: null };
    case 'slow-stop':
      return { ...plain, stopMs: Number(rest[0]) };
    case 'missing-binary':
      return { ...plain, refusesStart: { code: 'container_rejected', message: 'executable file not found in $PATH' } };
    default:
      return plain;
  }
}
