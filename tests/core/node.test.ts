import test from 'ava';
import { deviceKind, isCalled } from '../../control-plane/core/node.ts';
import type { ObservedDevice } from '../../control-plane/core/observed.ts';

const CDI: ObservedDevice = { id: 'nvidia.com/gpu=0', driver: 'cdi', index: '0', uuid: 'GPU-aa' };
const BY_UUID: ObservedDevice = { id: 'GPU-aa', driver: 'nvidia', index: '0', uuid: 'GPU-aa' };
const AMD: ObservedDevice = { id: 'amd.com/gpu=card1', driver: 'cdi' };

test('a device is called by its id, index or UUID, with the kind and without', t => {
  for (const name of ['nvidia.com/gpu=0', 'nvidia.com/gpu=GPU-aa', '0', 'GPU-aa']) {
    t.true(isCalled(CDI, name), name);
    t.true(isCalled(BY_UUID, name), name);
  }
  t.true(isCalled(AMD, 'amd.com/gpu=card1'));
  t.true(isCalled(AMD, 'card1'));
});

test('another number, another kind and half a name mean another device', t => {
  for (const name of ['1', 'nvidia.com/gpu=1', 'amd.com/gpu=0', 'GPU-a', 'gpu=0', '', 'nvidia.com/gpu=']) {
    t.false(isCalled(CDI, name), name);
    t.false(isCalled(BY_UUID, name), name);
  }
  t.false(isCalled(AMD, 'nvidia.com/gpu=card1'));
});

test('what has no CDI name is of NVIDIA', t => {
  t.is(deviceKind(BY_UUID), 'nvidia.com/gpu');
  t.is(deviceKind(AMD), 'amd.com/gpu');
  t.is(deviceKind({ id: 'nvidia.com/mig=0:1' }), 'nvidia.com/mig');
});
