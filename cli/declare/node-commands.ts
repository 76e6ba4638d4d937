import type { Command } from 'commander';
import type { DrainOptions } from '../commands/drain-node.ts';
import type { UndrainOptions } from '../commands/undrain-node.ts';
import type { ProjectOptions } from '../context.ts';
import type { Execute } from '../program.ts';
import { examples, run, withCommonOptions } from './options.ts';
import { refuseUnknown } from './refuse-unknown.ts';

/** nodes and what is done with one of them. */
export function declareNodeCommands(program: Command, execute: Execute): void {
  const nodes = withCommonOptions(program.command('nodes'))
    .description('list nodes, what is held of them, and their GPUs')
    .usage('[options] [command]')
    .helpCommand(false)
    .addHelpText(
      'after',
      examples(
        'outrigger nodes',
        'outrigger nodes inspect gpu-a',
        'outrigger nodes drain gpu-a --wait',
        'outrigger nodes --json | jq .nodes[].devices',
      ),
    )
    .allowExcessArguments();
  const list = run(execute, async () => {
    const { nodes } = await import('../commands/nodes.ts');
    return nodes;
  });
  nodes.action(async (...parameters) => {
    if (nodes.args.length > 0) refuseUnknown(nodes, nodes.args[0]!);
    await list(...parameters);
  });

  withCommonOptions(nodes.command('inspect [node]'))
    .description('everything about one node: its devices, and the replicas on it')
    .addHelpText('after', examples('outrigger nodes inspect gpu-a', 'outrigger nodes inspect gpu-a --json'))
    .action(
      run<ProjectOptions>(execute, async ([name]) => {
        const { inspectNode } = await import('../commands/inspect-node.ts');
        return context => inspectNode(context, name as string | undefined);
      }),
    );

  withCommonOptions(nodes.command('drain [node]'))
    .description('give it no more replicas, and move those it has away, new ones first')
    .option('--wait', 'return once it has none left')
    .option('--wait-timeout <time>', 'wait at most so long: seconds, or 1m30s')
    .addHelpText(
      'after',
      examples('outrigger nodes drain gpu-a', 'outrigger nodes drain gpu-a --wait', 'outrigger nodes undrain gpu-a'),
    )
    .action(
      run<DrainOptions>(execute, async ([name], options) => {
        const { drainNode } = await import('../commands/drain-node.ts');
        return context => drainNode(context, name as string | undefined, options);
      }),
    );

  withCommonOptions(nodes.command('undrain [node]'))
    .description('give it replicas again')
    .option('--device <id>', 'trust this device of it again, which was quarantined: id, index or UUID')
    .addHelpText(
      'after',
      examples('outrigger nodes undrain gpu-a', 'outrigger nodes undrain gpu-a --device nvidia.com/gpu=1'),
    )
    .action(
      run<UndrainOptions>(execute, async ([name], options) => {
        const { undrainNode } = await import('../commands/undrain-node.ts');
        return context => undrainNode(context, name as string | undefined, options);
      }),
    );
}
