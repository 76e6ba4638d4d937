import { setImmediate } from 'node:timers/promises';
import { CommanderError } from 'commander';
import type { CommonOptions, Context } from './context.ts';
import { EXIT_CODE } from './exit-code.ts';
import { type Interruptible, listenForInterrupts } from './interruption.ts';
import { isInterruption } from './is-interruption.ts';
import { type Output, streamOutput } from './output.ts';
import { createProgram } from './program.ts';

/**
 * Runs one command line (without node and the script) and resolves with its exit code. Never rejects. What help does not
 * need (HTTP, TLS, how errors look) is loaded once it is needed.
 */
export async function run(argv: readonly string[]): Promise<number> {
  const environment = process.env;
  const interrupts = listenForInterrupts();
  let lost: Error | undefined;
  const out = streamOutput(process.stdout, environment, error => {
    lost = error;
    interrupts.readerGone();
  });
  const err = streamOutput(process.stderr, environment, () => {});
  const exitCode = await runCommand(argv, { out, err, interrupts });
  await Promise.all([out.drained(), err.drained()]);
  // A stream that fails says so only after what waited for it.
  await setImmediate();
  interrupts.close();
  if (lost === undefined) return exitCode;
  err.line(`${err.style('red', 'error:')} what belongs on stdout could not be written: ${lost.message}`);
  return EXIT_CODE.failed;
}

interface Surroundings {
  readonly out: Output;
  readonly err: Output;
  readonly interrupts: Interruptible;
}

async function runCommand(argv: readonly string[], { out, err, interrupts }: Surroundings): Promise<number> {
  const environment = process.env;
  let json = argv.includes('--json');
  try {
    let exitCode: number = EXIT_CODE.ok;
    const program = createProgram(async (command, options) => {
      json = options.json === true;
      const place = { environment, cwd: process.cwd() };
      const context: Context = {
        ...place,
        out,
        err,
        signal: interrupts.signal,
        onSecondInterrupt: interrupts.onSecondInterrupt,
        leaves: interrupts.leaves,
        onHangup: interrupts.onHangup,
        options: options as CommonOptions,
        client: async () => (await import('./connect.ts')).connect(options, place),
      };
      const result = await command(context);
      exitCode = typeof result === 'number' ? result : EXIT_CODE.ok;
    });
    await program.parseAsync([...argv], { from: 'user' });
    return exitCode;
  } catch (error) {
    if (interrupts.signal.aborted && isInterruption(error)) {
      return interrupts.signal.reason.cause === 'reader_gone' ? EXIT_CODE.ok : EXIT_CODE.interrupted;
    }
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_CODE.ok : EXIT_CODE.usage;
    const { reportError } = await import('./report-error.ts');
    const exitCode = reportError(error, err, { json, debug: Boolean(environment['OUTRIGGER_DEBUG']) });
    // Whoever interrupted it knows why it did not come to its end, and reads above what that leaves behind.
    const isInterrupted = interrupts.signal.aborted && interrupts.signal.reason.cause === 'signal';
    return isInterrupted && exitCode === EXIT_CODE.failed ? EXIT_CODE.interrupted : exitCode;
  }
}
