import test from 'ava';
import { createSteadyClock } from '../../control-plane/clock.ts';
import { FakeEngine } from '../fakes/engine.ts';
import { engineContract } from './engine.ts';

engineContract(test, async () => {
  const engine = new FakeEngine({ clock: createSteadyClock(), instance: 'ours' });
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
    close: async () => {},
  };
});
