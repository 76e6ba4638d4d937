import { createSteadyClock } from '../../control-plane/clock.ts';
import type { ObservedDevice } from '../../control-plane/core/observed.ts';
import { FakeEngine } from '../fakes/engine.ts';
import type { EngineWorld } from './engine.ts';

export async function fakeWorld(
  devices: readonly ObservedDevice[] = [],
): Promise<EngineWorld & { engine: FakeEngine }> {
  const engine = new FakeEngine({ clock: createSteadyClock(), instance: 'ours', devices });
  const other = new FakeEngine({ clock: createSteadyClock(), instance: 'theirs', on: engine.machine });
  engine.machine.images.set('model:1', 'sha256:1');
  return {
    engine,
    other,
    namespace: 'contract',
    image: 'model:1',
    programs: {
      serves: { command: ['serve'] },
      ignoresStop: { command: ['ignore-stop'] },
      runsOutOfMemory: { command: ['oom'] },
      missingBinary: { command: ['missing-binary'] },
      prints: (...lines) => ({ command: ['print', ...lines] }),
      exits: (code, ...lines) => ({ command: ['exit', String(code), ...lines] }),
    },
    killFromOutside: async id => engine.machine.exit(id, { code: 137 }),
    addImage: async name => {
      engine.machine.images.set(name, 'sha256:1');
      engine.machine.notify();
    },
    removeImage: async name => {
      engine.machine.images.delete(name);
      engine.machine.notify();
    },
    hasNetwork: async name => engine.machine.networks.has(name),
    takenSubnet: async () => {
      engine.machine.takenSubnets.set('10.213.90.0/24', 'the network of somebody else');
      return '10.213.90.0/24';
    },
    close: async () => {},
  };
}
