import { type ChildProcess, fork } from 'node:child_process';
import path from 'node:path';
import type { FromPlacer, ToPlacer } from './placer.ts';

/** A process that places, seen from here. Ends with `using`. */
export class PlacerProcess implements Disposable {
  readonly #child: ChildProcess;
  readonly #signal: AbortSignal;

  constructor(signal: AbortSignal) {
    this.#child = fork(path.join(import.meta.dirname, 'placer.ts'), { execArgv: ['--expose-gc'], stdio: 'inherit' });
    this.#signal = signal;
  }

  async fill(
    request: Omit<Extract<ToPlacer, { kind: 'fill' }>, 'kind'>,
  ): Promise<{ elapsedMs: number; heapBytes: number }> {
    const answer = await this.#ask({ kind: 'fill', ...request });
    if (answer.kind !== 'filled') throw new Error(`expected a filled cluster, got ${answer.kind}`);
    return answer;
  }

  /** Milliseconds. */
  async place(count: number): Promise<number> {
    const answer = await this.#ask({ kind: 'place', count });
    if (answer.kind !== 'placed') throw new Error(`expected placements, got ${answer.kind}`);
    return answer.elapsedMs;
  }

  [Symbol.dispose](): void {
    this.#child.kill('SIGKILL');
  }

  #ask(message: ToPlacer): Promise<FromPlacer> {
    const child = this.#child;
    const signal = AbortSignal.any([this.#signal, AbortSignal.timeout(ANSWER_TIMEOUT_MS)]);
    return new Promise((resolve, reject) => {
      const settle = (outcome: () => void) => {
        child.off('message', onMessage).off('exit', onExit).off('error', reject);
        signal.removeEventListener('abort', onAbort);
        outcome();
      };
      const onMessage = (answer: FromPlacer) =>
        settle(() => (answer.kind === 'failed' ? reject(new Error(answer.message)) : resolve(answer)));
      const onExit = (code: number | null) => settle(() => reject(new Error(`a placer ended (${code})`)));
      const onAbort = () => settle(() => reject(signal.reason));
      child.once('message', onMessage).once('exit', onExit).once('error', reject);
      signal.addEventListener('abort', onAbort, { once: true });
      child.send(message);
    });
  }
}

const ANSWER_TIMEOUT_MS = 120_000;
