import { type Command, Option } from 'commander';
import type { CommonOptions, ProjectOptions } from '../context.ts';
import type { Action, Execute } from '../program.ts';

/** For an option that may be given several times. */
export function collect(value: string, previous: readonly string[] | undefined): string[] {
  return [...(previous ?? []), value];
}

/** The flags of `docker compose` that say which file and project, after the command's name as well as before it. */
export function withProjectOptions(command: Command, options: { shortFile: boolean }): Command {
  withCommonOptions(command);
  for (const [flags, description, repeatable] of PROJECT_OPTIONS) {
    const option = new Option(options.shortFile ? flags : flags.replace('-f, ', ''), description);
    if (repeatable) option.argParser(collect);
    command.addOption(option.helpGroup('Which service file and project:'));
  }
  return command;
}

/** Flags, description, and whether it may be given several times. */
export const PROJECT_OPTIONS = [
  ['-f, --file <path>', 'service file; may be given several times', true],
  ['-p, --project-name <name>', 'project name', false],
  ['--profile <name>', 'profile to enable; may be given several times', true],
  ['--env-file <path>', 'environment file; may be given several times', true],
  ['--project-directory <path>', 'folder that relative paths start from', false],
] as const;

export function withCommonOptions(command: Command): Command {
  command.option('--json', 'print JSON').addHelpText('after', GLOBAL_HINT);
  for (const [flags, description] of CONNECTION_OPTIONS) {
    command.addOption(new Option(flags, description).hideHelp());
  }
  return command;
}

export function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map(line => `  ${line}`).join('\n')}`;
}

/**
 * Binds a command to the module that implements it. Options given after the command's name win over those before it;
 * lists (files, profiles) are joined.
 */
export function run<Options extends ProjectOptions>(
  execute: Execute,
  load: (args: readonly unknown[], options: Options & CommonOptions) => Promise<Action>,
) {
  return async (...parameters: unknown[]): Promise<void> => {
    const command = parameters.at(-1) as Command;
    const args = parameters.slice(0, -2);
    const options = merged<Options & CommonOptions>(command);
    await execute(await load(args, options), options);
  };
}

function merged<Options>(command: Command): Options {
  const levels: Record<string, unknown>[] = [];
  for (let at: Command | null = command; at; at = at.parent) levels.unshift(at.opts());
  const result: Record<string, unknown> = {};
  for (const level of levels) {
    for (const [key, value] of Object.entries(level)) {
      const before = result[key];
      result[key] = Array.isArray(before) && Array.isArray(value) ? [...before, ...value] : value;
    }
  }
  return result as Options;
}

/** Which control plane; the program's own options, taken after a command's name as well. */
export const CONNECTION_OPTIONS = [
  ['--host <address>', 'control plane: unix:///path, http://host:port or https://host:port (OUTRIGGER_ADDRESS)'],
  ['--state <folder>', 'state folder of the local control plane (OUTRIGGER_STATE)'],
  ['--token-file <path>', 'file with the token for the control plane (OUTRIGGER_TOKEN, OUTRIGGER_TOKEN_FILE)'],
  ['--tls-ca <path>', 'CA that signs the control plane (OUTRIGGER_TLS_CA)'],
  ['--tls-cert <path>', 'client certificate (OUTRIGGER_TLS_CERT)'],
  ['--tls-key <path>', "client certificate's key (OUTRIGGER_TLS_KEY)"],
] as const;

const GLOBAL_HINT = '\nWhich control plane (--host, --state, --token-file, --tls-*): see "outrigger --help".';
