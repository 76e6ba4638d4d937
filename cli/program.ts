import { Command, Option } from 'commander';
import { version } from '../control-plane/version.ts';
import type { CommonOptions, Context } from './context.ts';
import { declareNodeCommands } from './declare/node-commands.ts';
import { CONNECTION_OPTIONS, collect, PROJECT_OPTIONS } from './declare/options.ts';
import { declareProjectCommands } from './declare/project-commands.ts';
import { refuseUnknown } from './declare/refuse-unknown.ts';
import { declareServiceCommands } from './declare/service-commands.ts';
import { declareSystemCommands } from './declare/system-commands.ts';

/** What a command does, once its module has been loaded. Resolves with its exit code; nothing means 0. */
export type Action = (context: Context) => Promise<number> | Promise<void>;
/** Runs an action with a context made from the merged options of program and command. */
export type Execute = (action: Action, options: CommonOptions) => Promise<void>;

/**
 * The tree of commands. Commands are declared here and implemented in commands/, each loaded only when it runs: showing
 * help loads none of them.
 */
export function createProgram(execute: Execute): Command {
  const program = new Command('outrigger')
    .description('Runs RPC services as containers beside the jobs that call them.')
    .usage('[OPTIONS] COMMAND')
    .enablePositionalOptions()
    .showSuggestionAfterError(true)
    .exitOverride()
    .configureHelp({
      subcommandTerm: command => `${command.name()} ${command.usage().replace(/^\[options\] ?/, '')}`.trim(),
    })
    .option('--json', 'print JSON')
    .version(version, '-v, --version', 'print the version and exit')
    .helpOption('-h, --help', 'show help')
    .addHelpText(
      'after',
      `
Examples:
  outrigger up                      start the services of ./compose.yaml and stay with them
  outrigger up -d && outrigger ps   start them, leave them running, and look
  outrigger resolve embedder        where to call a service
  outrigger down                    drain and remove them

Exit codes: 0 ok, 1 failed, 2 wrong usage, 3 no control plane answers, 130 interrupted.`,
    );
  for (const [flags, description, repeatable] of PROJECT_OPTIONS) {
    const option = new Option(flags, description);
    program.addOption(repeatable ? option.argParser(collect) : option);
  }
  for (const [flags, description] of CONNECTION_OPTIONS) program.option(flags, description);
  program.helpCommand('help [command]', 'show help for a command');
  declareProjectCommands(program, execute);
  declareServiceCommands(program, execute);
  declareNodeCommands(program, execute);
  declareSystemCommands(program, execute);
  // What commander would offer has at times hardly a letter in common with the word.
  program.on('command:*', ([word]: readonly string[]) => refuseUnknown(program, word ?? ''));
  return program;
}
