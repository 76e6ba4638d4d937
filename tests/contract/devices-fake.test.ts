import test from 'ava';
import { deviceContract } from './devices.ts';
import { fakeWorld } from './engine-fake-world.ts';

const IDS = ['nvidia.com/gpu=0', 'nvidia.com/gpu=1'] as const;
const GPUS = IDS.map((id, index) => ({
  id,
  driver: 'cdi' as const,
  index: String(index),
  uuid: `GPU-${index}`,
  model: 'SIM-A 24GB',
  memoryBytes: 24 * 1024 ** 3,
}));

deviceContract(test, async () => {
  const world = await fakeWorld(GPUS);
  const { machine } = world.engine;
  const hidden = new Set<string>();
  for (const { id } of GPUS) machine.usedBytes.set(id, 0);
  const list = async () => machine.setDevices(GPUS.filter(({ id }) => !hidden.has(id)));
  return {
    ...world,
    gpus: {
      ids: IDS,
      hide: id => {
        hidden.add(id);
        return list();
      },
      show: id => {
        hidden.delete(id);
        return list();
      },
      use: async (id, usedBytes) => {
        machine.usedBytes.set(id, usedBytes);
      },
      takeFrom: async containerId => machine.loseSight(containerId),
      failDriver: async fails => {
        for (const { id } of GPUS) fails ? machine.usedBytes.delete(id) : machine.usedBytes.set(id, 0);
      },
    },
  };
});
