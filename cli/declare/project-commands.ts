import { type Command, Option } from 'commander';
import type { ConfigOptions } from '../commands/config.ts';
import type { DownOptions } from '../commands/down.ts';
import type { PsOptions } from '../commands/ps.ts';
import type { Execute } from '../program.ts';
import type { UpOptions } from '../up/up-options.ts';
import { collect, examples, run, withProjectOptions } from './options.ts';
import { refuse } from './refusals.ts';

/** up, down, ps, config: the life of a whole service file. */
export function declareProjectCommands(program: Command, execute: Execute): void {
  const up = withProjectOptions(program.command('up [services...]'), { shortFile: true })
    .description('start services, wait until they are ready, stay with them')
    .option('-d, --detach', 'return once they are ready, and leave them running')
    .option('--build', 'build images even where they exist')
    .option('--no-build', 'never build images')
    .option('--scale <service=n>', 'number of replicas; may be given several times', collect)
    .addOption(new Option('--pull <policy>', 'when to pull images').choices(['always', 'missing', 'never']))
    .option('--wait', 'as --detach, which waits too')
    .option('--wait-timeout <time>', 'give up when not ready in time: seconds, or 1m30s')
    .option('-t, --timeout <time>', 'between stop signal and kill, when it stops services: seconds, or 1m30s')
    .option('--remove-orphans', 'remove services of the project that its file has no more')
    .addHelpText(
      'after',
      examples(
        'outrigger up                          all services of ./compose.yaml',
        'outrigger up -d embedder              one service, left running',
        'outrigger up -f a.yaml -f b.yaml -p demo --scale embedder=3',
      ),
    )
    .action(
      run<UpOptions>(execute, async ([services], options) => {
        const { up } = await import('../commands/up.ts');
        return context => up(context, services as string[], options);
      }),
    );
  refuse(up, [
    ['--force-recreate', 'Replace replicas, new ones first, with "outrigger restart".'],
    ['--no-recreate', 'Services that run and should stay as they are can be left out: name those to start.'],
    ['--no-deps', 'What a service depends on has to be there before it; leave depends_on out of the file otherwise.'],
    [
      '--no-start',
      'A service runs from when it is accepted; "outrigger config" checks the file, --scale NAME=0 waits.',
    ],
    ['--dry-run', 'See "outrigger config" for what a file compiles to.'],
    ['--abort-on-container-exit', 'A replica that ends is started again; follow with "outrigger events -f".'],
    ['--exit-code-from <service>', 'Services do not end by themselves; what runs once belongs in a job of its own.'],
    ['-w, --watch', 'Run "outrigger up" again after a change; it replaces what differs, new ones first.'],
  ]);

  const down = withProjectOptions(program.command('down [services...]'), { shortFile: true })
    .description('drain and remove services, wait until they are gone')
    .option('-v, --volumes', "also remove the project's named volumes")
    .option('-t, --timeout <time>', 'between the stop signal and the kill: seconds, or 1m30s')
    .option('--wait-timeout <time>', 'stop waiting after this: seconds, or 1m30s')
    .addOption(new Option('--remove-orphans', 'which it always does').hideHelp())
    .addHelpText('after', examples('outrigger down', 'outrigger down -p demo -v', 'outrigger down embedder'))
    .action(
      run<DownOptions>(execute, async ([services], options) => {
        const { down } = await import('../commands/down.ts');
        return context => down(context, services as string[], options);
      }),
    );
  refuse(down, [
    ['--rmi <which>', 'Images are kept for the next start; remove them with "docker image rm".'],
    ['--dry-run', 'See "outrigger ps" for what would be removed.'],
  ]);

  withProjectOptions(program.command('ps [services...]'), { shortFile: true })
    .description('list services and their replicas')
    .option('-a, --all', 'stopped replicas too')
    .option('--all-projects', 'services of every project')
    .option('-q, --quiet', 'container ids only')
    .option('--services', 'names of services only')
    .addOption(new Option('--format <format>', 'output format').choices(['table', 'json']))
    .addHelpText(
      'after',
      examples('outrigger ps', 'outrigger ps --all-projects', 'outrigger ps --json | jq .services[].state'),
    )
    .action(
      run<PsOptions>(execute, async ([services], options) => {
        const { ps } = await import('../commands/ps.ts');
        return context => ps(context, services as string[], options);
      }),
    );

  withProjectOptions(program.command('config [services...]'), { shortFile: true })
    .description('check the service file and print what it compiles to')
    .option('-q, --quiet', 'only check it')
    .option('--services', "print the services' names")
    .option('--images', "print the services' images")
    .addOption(new Option('--format <format>', 'output format').choices(['yaml', 'json']))
    .addHelpText(
      'after',
      examples('outrigger config', 'outrigger config -q && echo good', 'outrigger config --json embedder'),
    )
    .action(
      run<ConfigOptions>(execute, async ([services], options) => {
        const { config } = await import('../commands/config.ts');
        return context => config(context, services as string[], options);
      }),
    );
}
