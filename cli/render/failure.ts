import type { ServiceFailure } from '../wait-for-rollout.ts';
import { quotedLine, singleLine } from './text.ts';

/**
 * Explains a failed service: what happened, its exit code, the last lines it wrote, and what to do next.
 * @param command what the person ran, and is told to run again
 */
export function failureLines(failure: ServiceFailure, namespace: string, command = 'outrigger up'): string[] {
  const { culprit } = failure;
  const exit =
    culprit?.exitCode === undefined ? [] : [`exit code: ${culprit.exitCode}${exitCodeMeaning(culprit.exitCode)}`];
  const log = culprit?.logTail ?? [];
  return [
    `service "${failure.service}" ${HEADLINES[failure.reason]}: ${singleLine(failure.message) || 'no reason was given'}`,
    ...(culprit?.id && failure.reason !== 'replica_failed' && culprit.message && culprit.message !== failure.message
      ? [`  replica ${culprit.id}: ${singleLine(culprit.message)}`]
      : []),
    ...exit.map(line => `  ${line}`),
    ...(log.length > 0
      ? [
          `  last lines${culprit?.id ? ` of replica ${culprit.id}` : ''}:`,
          ...log.map(line => `  | ${quotedLine(line)}`),
        ]
      : []),
    `  next: ${nextStep(failure, namespace, command)}`,
  ];
}

const HEADLINES = {
  replica_failed: 'failed',
  service_failed: 'failed',
  rolled_back: 'went back to what ran before',
  removed: 'is gone',
  superseded: 'was updated again',
} as const;

/** What the usual exit codes of a container mean; from Docker's and the shell's conventions. */
export function exitCodeMeaning(exitCode: number): string {
  switch (exitCode) {
    case 125:
      return ' (the engine itself failed)';
    case 126:
      return ' (the command cannot be executed)';
    case 127:
      return ' (the command was not found)';
    case 137:
      return ' (killed: out of memory, or from outside)';
    case 139:
      return ' (segmentation fault)';
    case 143:
      return ' (ended by SIGTERM)';
    default:
      return '';
  }
}

function nextStep(failure: ServiceFailure, namespace: string, command: string): string {
  if (failure.reason === 'removed') {
    return `"outrigger events -p ${namespace} ${failure.service}" shows what happened to it; start it again with "${command} ${failure.service}"`;
  }
  if (failure.reason === 'superseded') return `"outrigger ps -p ${namespace}" shows what became of the newer one`;
  if (failure.reason === 'rolled_back') {
    return `mend the service file and run "${command}" again; "outrigger events -p ${namespace} ${failure.service}" tells the whole story`;
  }
  if (failure.culprit && failure.culprit.logTail.length === 0 && failure.culprit.exitCode !== undefined) {
    return 'it wrote nothing; run its image by hand with the same command to see why it ends';
  }
  return `mend the cause above and run "${command}" again`;
}
