import { OutriggerError } from '../control-plane/core/errors.ts';
import { EXIT_CODE, type ExitCode } from './exit-code.ts';
import { isUnreachable } from './http-exchange.ts';
import type { Output } from './output.ts';
import { quotedLine } from './render/text.ts';

/** Shows an error for people: what failed, then what to do next. As JSON where the command was asked for JSON. */
export function reportError(thrown: unknown, err: Output, options: { json: boolean; debug: boolean }): ExitCode {
  const code = exitCodeOf(thrown);
  if (thrown instanceof OutriggerError) {
    const { code: errorCode, message, next, details } = thrown;
    if (options.json) err.json({ error: { code: errorCode, message, ...(next !== undefined && { next }), details } });
    else {
      err.line(`${err.style('red', 'error:')} ${message}`);
      for (const reason of textsIn(details['reasons'])) err.line(`  - ${reason}`);
      for (const line of textsIn(details['logTail'])) err.line(`  ${err.style('dim', '|')} ${quotedLine(line)}`);
      if (next !== undefined) err.line(`${err.style('dim', 'next:')}  ${next}`);
    }
  } else {
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    if (options.json) err.json({ error: { code: 'internal', message, details: {} } });
    else
      err.line(
        `${err.style('red', 'error:')} ${message} (this is a fault of outrigger itself; OUTRIGGER_DEBUG=1 shows where)`,
      );
  }
  if (options.debug && thrown instanceof Error) err.line(stackWithCauses(thrown));
  return code;
}

function exitCodeOf(thrown: unknown): ExitCode {
  if (isUnreachable(thrown)) return EXIT_CODE.controlPlaneUnreachable;
  if (thrown instanceof OutriggerError && thrown.details['usage'] === true) return EXIT_CODE.usage;
  return EXIT_CODE.failed;
}

/** `details.reasons` holds each of several reasons, `details.logTail` the last lines of a log. */
function textsIn(value: unknown): string[] {
  return Array.isArray(value) ? value.filter(text => typeof text === 'string') : [];
}

function stackWithCauses(error: Error): string {
  const inner = error.cause instanceof Error ? `\ncaused by ${stackWithCauses(error.cause)}` : '';
  return `${error.stack ?? error.message}${inner}`;
}
