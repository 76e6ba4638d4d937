import tab, { type ArgumentHandler, type Command as TabCommand } from '@bomb.sh/tab';
import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { loadProject } from '../project.ts';

export type Shell = 'bash' | 'zsh' | 'fish';

/** Prints the script that teaches a shell to ask `outrigger complete` for words. */
export async function completion(_context: Context, shell: Shell): Promise<void> {
  tab.setup('outrigger', 'outrigger', shell);
}

/** How long a shell may be kept waiting for the names of services. */
const LOOK_UP_TIMEOUT_MS = 500;
/** Tells the shell scripts to complete file names. */
const COMPLETE_FILES = ':0';
const PATH_OPTIONS =
  /^(-f|--file|--env-file|--project-directory|--state|--token-file|--tls-(ca|cert|key)|--tokens|--admission|--allow-bind|--consul-token-file)$/;

/** Commands whose arguments are services, and where their names are looked for. */
const SERVICE_ARGUMENTS: Readonly<Record<string, 'file' | 'running'>> = {
  up: 'file',
  config: 'file',
  down: 'running',
  ps: 'running',
  logs: 'running',
  scale: 'running',
  restart: 'running',
  inspect: 'running',
  resolve: 'running',
  events: 'running',
};

/** Answers the shell: what may stand in place of the last of these words. Knows nothing rather than fails. */
export async function complete(context: Context, words: readonly string[], program: Command): Promise<void> {
  const isFollow = words.at(-2) === '-f' && words.some(word => word === 'logs' || word === 'events');
  if (!isFollow && PATH_OPTIONS.test(words.at(-2) ?? '')) {
    context.out.line(COMPLETE_FILES);
    return;
  }
  const commands = program.createHelp().visibleCommands(program);
  const asked = commands.find(command => words.slice(0, -1).includes(command.name()));
  const source = asked === undefined ? undefined : SERVICE_ARGUMENTS[asked.name()];
  const names = source === undefined ? [] : await serviceNames(context, words, source);
  const suggestServices: ArgumentHandler = suggest => {
    for (const { name, description } of names) suggest(asked?.name() === 'scale' ? `${name}=` : name, description);
  };
  // The library looks a flag up in every command it knows of; `-f` is a file for some and a switch for others.
  if (asked === undefined) describeOptions(tab, program);
  for (const command of asked === undefined ? commands : [asked]) {
    const described = tab.command(command.name(), command.description());
    describeOptions(described, command);
    for (const argument of command.registeredArguments) {
      const choices: ArgumentHandler = suggest => {
        for (const choice of argument.argChoices ?? []) suggest(choice, '');
      };
      described.argument(argument.name(), argument.argChoices ? choices : suggestServices, argument.variadic);
    }
  }
  tab.parse([...words]);
}

function describeOptions(described: TabCommand, command: Command): void {
  for (const option of command.createHelp().visibleOptions(command)) {
    const name = option.long?.slice(2);
    if (name === undefined) continue;
    const short = option.short?.slice(1);
    if (option.required || option.optional) {
      const choices = option.argChoices ?? [];
      described.option(name, option.description, suggest => void choices.map(choice => suggest(choice, '')), short);
    } else if (short === undefined) described.option(name, option.description);
    else described.option(name, option.description, short);
  }
}

async function serviceNames(
  context: Context,
  words: readonly string[],
  source: 'file' | 'running',
): Promise<readonly { name: string; description: string }[]> {
  const signal = AbortSignal.any([context.signal, AbortSignal.timeout(LOOK_UP_TIMEOUT_MS)]);
  try {
    if (source === 'file') {
      const file = valuesOf(words, '-f', '--file');
      const project = await loadProject({ ...context, signal }, file.length > 0 ? { file } : {}, []);
      return project.services.map(s => ({ name: s.name, description: s.image }));
    }
    const namespace = valuesOf(words, '-p', '--project-name').at(-1) ?? context.environment['COMPOSE_PROJECT_NAME'];
    const services = await (await context.client()).services(namespace, signal);
    return services.map(s => ({ name: s.name, description: `${s.namespace}, ${s.state}` }));
  } catch {
    // A shell shows nothing of an error, and a person who presses Tab asked for none.
    return [];
  }
}

function valuesOf(words: readonly string[], ...flags: readonly string[]): string[] {
  return words.flatMap((word, i) => (i > 0 && flags.includes(words[i - 1]!) ? [word] : []));
}
