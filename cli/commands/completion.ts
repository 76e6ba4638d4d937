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

/** Commands whose arguments are services, and where their names are looked for; or nodes. */
const ARGUMENTS: Readonly<Record<string, Source>> = {
  up: 'file',
  config: 'file',
  down: 'running',
  ps: 'running',
  logs: 'running',
  scale: 'running',
  restart: 'running',
  inspect: 'running',
  resolve: 'running',
  why: 'running',
  events: 'running',
  'nodes inspect': 'nodes',
  'nodes drain': 'nodes',
  'nodes undrain': 'nodes',
};

type Source = 'file' | 'running' | 'nodes';

/** Answers the shell: what may stand in place of the last of these words. Knows nothing rather than fails. */
export async function complete(context: Context, words: readonly string[], program: Command): Promise<void> {
  const isFollow = words.at(-2) === '-f' && words.some(word => word === 'logs' || word === 'events');
  if (!isFollow && PATH_OPTIONS.test(words.at(-2) ?? '')) {
    context.out.line(COMPLETE_FILES);
    return;
  }
  const asked = askedCommand(program, words.slice(0, -1));
  const source = words.at(-2) === '--node' ? 'nodes' : ARGUMENTS[asked.path];
  const names = source === undefined ? [] : await namesFrom(source, context, words);
  const suggestNames: ArgumentHandler = suggest => {
    for (const { name, description } of names) suggest(asked.path === 'scale' ? `${name}=` : name, description);
  };
  const describe = (path: string, command: Command) => {
    const described = tab.command(path, command.description());
    describeOptions(described, command, names);
    for (const argument of command.registeredArguments) {
      const choices: ArgumentHandler = suggest => {
        for (const choice of argument.argChoices ?? []) suggest(choice, '');
      };
      described.argument(argument.name(), argument.argChoices ? choices : suggestNames, argument.variadic);
    }
  };
  // The library looks a flag up in every command it knows of; `-f` is a file for some and a switch for others.
  if (asked.path === '') describeOptions(tab, program, names);
  else for (const { path, command } of asked.way) describe(path, command);
  for (const command of visibleCommands(asked.command)) describe(`${asked.path} ${command.name()}`.trim(), command);
  tab.parse([...words]);
}

/** The command that the words before the last one name, and the way to it; the program itself where they name none. */
function askedCommand(program: Command, words: readonly string[]) {
  const way: { path: string; command: Command }[] = [];
  for (const word of words) {
    const { path, command } = way.at(-1) ?? { path: '', command: program };
    const next = visibleCommands(command).find(c => c.name() === word);
    if (next) way.push({ path: `${path} ${word}`.trim(), command: next });
  }
  return { way, ...(way.at(-1) ?? { path: '', command: program }) };
}

function visibleCommands(command: Command): readonly Command[] {
  return command.createHelp().visibleCommands(command);
}

function describeOptions(described: TabCommand, command: Command, nodes: readonly Named[]): void {
  for (const option of command.createHelp().visibleOptions(command)) {
    const name = option.long?.slice(2);
    if (name === undefined) continue;
    const short = option.short?.slice(1);
    if (option.required || option.optional) {
      const choices = option.argChoices ?? (name === 'node' ? nodes.map(n => n.name) : []);
      described.option(name, option.description, suggest => void choices.map(choice => suggest(choice, '')), short);
    } else if (short === undefined) described.option(name, option.description);
    else described.option(name, option.description, short);
  }
}

interface Named {
  readonly name: string;
  readonly description: string;
}

async function namesFrom(source: Source, context: Context, words: readonly string[]): Promise<readonly Named[]> {
  const signal = AbortSignal.any([context.signal, AbortSignal.timeout(LOOK_UP_TIMEOUT_MS)]);
  try {
    if (source === 'nodes') {
      const nodes = await (await context.client()).nodes(signal);
      return nodes.map(n => ({ name: n.name, description: n.state }));
    }
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
