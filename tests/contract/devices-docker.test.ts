import test from 'ava';
import { resolveConnection } from '../../control-plane/engine/docker/index.ts';
import { NestedEngine } from '../engines/nested-engine.ts';
import { BUSYBOX_IMAGE, ensureBusyboxImage } from '../images/busybox.ts';
import { deviceContract } from './devices.ts';
import { dockerWorld } from './engine-docker.ts';

const IDS = ['nvidia.com/gpu=0', 'nvidia.com/gpu=1'] as const;
const GPUS = IDS.map(() => ({ model: 'SIM-A 24GB', memoryMib: 24 * 1024 }));

/** A recent engine with simulated GPUs for each test, so that what befalls the devices of one befalls no other. */
deviceContract(test.serial, async () => {
  await ensureBusyboxImage();
  const nested = await NestedEngine.start({ images: [BUSYBOX_IMAGE], gpus: GPUS });
  const connection = await resolveConnection({ environment: {}, host: nested.host });
  const world = await dockerWorld(undefined, { connection, gpuProbeImage: BUSYBOX_IMAGE }, nested.docker);
  const indexOf = (id: string) => IDS.indexOf(id as (typeof IDS)[number]);
  return {
    ...world,
    gpus: {
      ids: IDS,
      hide: id => nested.gpus.hide(indexOf(id)),
      show: id => nested.gpus.show(indexOf(id)),
      use: (id, usedBytes) => nested.gpus.use(indexOf(id), usedBytes / 1024 ** 2),
      takeFrom: containerId => nested.takeDevicesFrom(containerId),
      failDriver: fails =>
        fails ? nested.gpus.failWith({ message: 'NVIDIA-SMI has failed' }) : nested.gpus.answerAgain(),
    },
    close: async () => {
      await world.close();
      await nested.dispose();
    },
  };
});
