import type { ServiceSpecInput } from '../../control-plane/core/spec.ts';
import type { Acknowledged } from './acknowledged.ts';
import { NAMESPACE, type SimulatedWorld } from './simulated-world.ts';

/** What people ask for. `crash`: the control plane dies so many milliseconds after the request was sent. */
export type Command =
  | { what: 'apply'; service: string; spec: Partial<ServiceSpecInput>; replicas: Wanted; crash: number | null }
  | { what: 'scale'; service: string; replicas: number; crash: number | null }
  | { what: 'remove' | 'restart'; service: string; crash: number | null };

export type Wanted = number | { readonly min: number; readonly max: number; readonly initial: number };

export async function carryOut(world: SimulatedWorld, promised: Acknowledged, command: Command): Promise<void> {
  const ref = { namespace: NAMESPACE, name: command.service };
  const key = `${NAMESPACE}/${command.service}` as const;
  switch (command.what) {
    case 'apply': {
      const { replicas: wanted } = command;
      const replicas = typeof wanted === 'number' ? { min: wanted, max: wanted, initial: wanted } : wanted;
      const input = { ...command.spec, ...ref, replicas } as ServiceSpecInput;
      const done = await ask(world, command.crash, c => c.apply({ specs: [input], origin: 's', dryRun: false }));
      promised.applied(key, input, done);
      return;
    }
    case 'scale':
      promised.scaled(key, command.replicas, await ask(world, command.crash, c => c.scale(ref, command.replicas)));
      return;
    case 'remove':
      promised.removed(
        key,
        await ask(world, command.crash, c =>
          c.remove({ namespace: NAMESPACE, names: [command.service], volumes: false }),
        ),
      );
      return;
    case 'restart':
      await ask(world, command.crash, c => c.restart(ref, {}));
      return;
    default:
      command satisfies never;
  }
}

/** True where it was acknowledged. With a crash, the process dies that long after the request came in. */
export async function ask(
  world: SimulatedWorld,
  crashAfterMs: number | null,
  request: Parameters<SimulatedWorld['ask']>[0],
): Promise<boolean> {
  if (crashAfterMs === null) return (await world.ask(request)) === 'done';
  let acknowledged = false;
  void world.send(request).then(outcome => (acknowledged = outcome === 'done'));
  await world.advance(crashAfterMs);
  const before = acknowledged;
  await world.crash();
  return before;
}
