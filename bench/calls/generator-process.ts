import { type ChildProcess, fork } from 'node:child_process';
import path from 'node:path';
import type { FromGenerator, Measured, ToGenerator, Workload } from './workload.ts';

/** A load generator, seen from here. Ends with `using`. */
export class GeneratorProcess implements Disposable {
  readonly #child: ChildProcess;
  readonly #signal: AbortSignal;

  private constructor(child: ChildProcess, signal: AbortSignal) {
    this.#child = child;
    this.#signal = signal;
  }

  /** Starts one with a channel for each target, and makes a first call on each, so that the connections are there. */
  static async open(
    targets: readonly string[],
    environment: NodeJS.ProcessEnv,
    signal: AbortSignal,
  ): Promise<GeneratorProcess> {
    const program = path.join(import.meta.dirname, 'load-generator.ts');
    const child = fork(program, { env: environment, stdio: 'inherit', execArgv: ['--expose-gc'] });
    const generator = new GeneratorProcess(child, signal);
    for (const target of targets) {
      try {
        await generator.#ask({ kind: 'open', target });
      } catch (error) {
        generator[Symbol.dispose]();
        throw new Error(`no call to ${target} went through: ${(error as Error).message}`, { cause: error });
      }
    }
    return generator;
  }

  async run(target: string, workload: Workload): Promise<Measured> {
    const answer = await this.#ask({ kind: 'run', target, workload });
    if (answer.kind !== 'measured') throw new Error(`expected a measurement, got ${answer.kind}`);
    return answer.measured;
  }

  [Symbol.dispose](): void {
    this.#child.kill('SIGKILL');
  }

  #ask(message: ToGenerator): Promise<FromGenerator> {
    const child = this.#child;
    const signal = AbortSignal.any([this.#signal, AbortSignal.timeout(ANSWER_TIMEOUT_MS)]);
    return new Promise((resolve, reject) => {
      const settle = (outcome: () => void) => {
        child.off('message', onMessage).off('exit', onExit).off('error', reject);
        signal.removeEventListener('abort', onAbort);
        outcome();
      };
      const onMessage = (answer: FromGenerator) =>
        settle(() => (answer.kind === 'failed' ? reject(new Error(answer.message)) : resolve(answer)));
      const onExit = (code: number | null) => settle(() => reject(new Error(`a load generator ended (${code})`)));
      const onAbort = () => settle(() => reject(signal.reason));
      child.once('message', onMessage).once('exit', onExit).once('error', reject);
      signal.addEventListener('abort', onAbort, { once: true });
      child.send(message);
    });
  }
}

const ANSWER_TIMEOUT_MS = 120_000;
