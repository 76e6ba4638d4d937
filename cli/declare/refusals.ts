import { type Command, Option } from 'commander';
import { usageError } from '../usage-error.ts';

/**
 * Options that `docker compose` has and that cannot mean the same here: whoever gives one is told what to do instead, and
 * help does not show them. Flags and sentence.
 */
export function refuse(command: Command, refusals: readonly (readonly [string, string])[]): void {
  for (const [flags, instead] of refusals) {
    const option = new Option(flags).hideHelp();
    command.addOption(option);
    // Not in an action: what is wrong with the other words need not be told first.
    command.on(`option:${option.name()}`, () => {
      throw usageError(`outrigger ${command.name()} has no --${option.name()}.`, instead);
    });
  }
}
