import { type Command, Option } from 'commander';
import type { EventsOptions } from '../commands/events.ts';
import type { LogsOptions } from '../commands/logs.ts';
import type { ResolveOptions } from '../commands/resolve.ts';
import type { RestartOptions } from '../commands/restart.ts';
import type { ScaleOptions } from '../commands/scale.ts';
import type { ProjectOptions } from '../context.ts';
import type { Execute } from '../program.ts';
import { examples, run, withProjectOptions } from './options.ts';
import { refuse } from './refusals.ts';

/** logs, scale, restart, inspect, why, resolve, events: what is done with services that run. */
export function declareServiceCommands(program: Command, execute: Execute): void {
  withProjectOptions(program.command('logs [services...]'), { shortFile: false })
    .description('print what services write')
    .option('-f, --follow', 'go on with new lines')
    .option('-n, --tail <lines>', 'lines from the end of each replica, or "all"', 'all')
    .option('--since <time>', 'only lines since then: 10m, or 2026-01-31T10:00:00Z')
    .option('--replica <id>', 'only this replica')
    .option('-t, --timestamps', 'show when each line was written')
    .option('--no-color', 'no colours')
    .option('--no-log-prefix', 'only the lines themselves')
    .addHelpText(
      'after',
      examples('outrigger logs -f', 'outrigger logs --tail 20 embedder', 'outrigger logs --since 10m --timestamps'),
    )
    .action(
      run<LogsOptions>(execute, async ([services], options) => {
        const { logs } = await import('../commands/logs.ts');
        return context => logs(context, services as string[], options);
      }),
    );

  withProjectOptions(program.command('scale <service=n...>'), { shortFile: true })
    .description('change how many replicas run, wait until they do')
    .option('--no-wait', 'return once it is accepted')
    .option('--wait-timeout <time>', 'give up when not there in time: seconds, or 1m30s')
    .addOption(new Option('--no-deps', 'which is always so').hideHelp())
    .addHelpText('after', examples('outrigger scale embedder=4', 'outrigger scale embedder=2 ranker=0'))
    .action(
      run<ScaleOptions>(execute, async ([pairs], options) => {
        const { scale } = await import('../commands/scale.ts');
        return context => scale(context, pairs as string[], options);
      }),
    );

  const restart = withProjectOptions(program.command('restart [services...]'), { shortFile: true })
    .description('replace replicas one after the other, new ones first')
    .option('--replica <id>', 'only this replica')
    .addOption(new Option('--no-deps', 'which is always so').hideHelp())
    .option('--no-wait', 'return once it is accepted')
    .option('--wait-timeout <time>', 'give up when not ready in time: seconds, or 1m30s')
    .addHelpText('after', examples('outrigger restart embedder', 'outrigger restart --replica 3f9k2m'))
    .action(
      run<RestartOptions>(execute, async ([services], options) => {
        const { restart } = await import('../commands/restart.ts');
        return context => restart(context, services as string[], options);
      }),
    );
  refuse(restart, [
    ['-t, --timeout <time>', 'Each replica has the stop_grace_period of its service, once its successor is ready.'],
  ]);

  withProjectOptions(program.command('inspect <service|replica>'), { shortFile: true })
    .description('everything about one service or replica')
    .addHelpText(
      'after',
      examples('outrigger inspect embedder', 'outrigger inspect demo/embedder --json', 'outrigger inspect 3f9k2m'),
    )
    .action(
      run<ProjectOptions>(execute, async ([what], options) => {
        const { inspect } = await import('../commands/inspect.ts');
        return context => inspect(context, what as string, options);
      }),
    );

  withProjectOptions(program.command('why <service>'), { shortFile: true })
    .description('what a service waits for: the reasons of every node, and what would help')
    .addHelpText('after', examples('outrigger why llm', 'outrigger why shop/llm', 'outrigger why llm --json'))
    .action(
      run<ProjectOptions>(execute, async ([service], options) => {
        const { why } = await import('../commands/why.ts');
        return context => why(context, service as string, options);
      }),
    );

  withProjectOptions(program.command('resolve <service>'), { shortFile: true })
    .description('print where a service is called now')
    .option('-w, --watch', 'print again after every change')
    .option('--plain', 'one host:port a line, the best one of each replica')
    .option('--network <name>', 'only addresses in this network')
    .option('--published', 'only published ports')
    .addHelpText(
      'after',
      examples(
        'outrigger resolve embedder',
        'curl http://$(outrigger resolve --plain llm | head -1)/health',
        'outrigger resolve --watch --json embedder',
      ),
    )
    .action(
      run<ResolveOptions>(execute, async ([service], options) => {
        const { resolve } = await import('../commands/resolve.ts');
        return context => resolve(context, service as string, options);
      }),
    );

  withProjectOptions(program.command('events [service]'), { shortFile: false })
    .description('print what has happened')
    .option('-f, --follow', 'go on with new events')
    .option('-n, --tail <count>', 'past events, or "all"', '100')
    .option('--all-projects', 'events of every project, and of nodes')
    .option('--node <name>', 'only events about this node')
    .addHelpText(
      'after',
      examples(
        'outrigger events -f',
        'outrigger events --tail 20 embedder',
        'outrigger events --node gpu-a',
        'outrigger events --all-projects --json',
      ),
    )
    .action(
      run<EventsOptions>(execute, async ([service], options) => {
        const { events } = await import('../commands/events.ts');
        return context => events(context, service as string | undefined, options);
      }),
    );
}
