import test from 'ava';
import { type GpuRequest, serviceSpec } from '../../../control-plane/core/spec.ts';
import { deviceRequests } from '../../../control-plane/engine/docker/device-requests.ts';

function gpu(part: Partial<GpuRequest> = {}): GpuRequest {
  const spec = serviceSpec.parse({ namespace: 'ns', name: 'svc', image: 'model:1', resources: { gpu: part } });
  return spec.resources.gpu as GpuRequest;
}

test('a device with a CDI name is asked of CDI, also where the file names the driver of NVIDIA', t => {
  const cdi = [{ Driver: 'cdi', DeviceIDs: ['nvidia.com/gpu=0'] }];
  t.deepEqual(deviceRequests(['nvidia.com/gpu=0'], gpu({ driver: 'nvidia', capabilities: ['gpu', 'compute'] })), cdi);
  t.deepEqual(deviceRequests(['nvidia.com/gpu=0'], gpu({ driver: 'cdi' })), cdi);
  t.deepEqual(deviceRequests(['nvidia.com/gpu=0'], gpu()), cdi);
});

test('other vendors and slices are asked of CDI', t => {
  const names = ['amd.com/gpu=1', 'intel.com/gpu=card0', 'nvidia.com/gpu=0:1', 'nvidia.com/mig=0:2'];
  t.deepEqual(deviceRequests(names, gpu()), [{ Driver: 'cdi', DeviceIDs: names }]);
});

test('several devices come in one request each way, each once and never by count', t => {
  const requests = deviceRequests(['nvidia.com/gpu=0', 'GPU-aa', 'MIG-bb', 'nvidia.com/gpu=0'], gpu({ count: 3 }));
  t.deepEqual(requests, [
    { Driver: 'cdi', DeviceIDs: ['nvidia.com/gpu=0'] },
    { Driver: 'nvidia', DeviceIDs: ['GPU-aa', 'MIG-bb'], Capabilities: [['gpu']] },
  ]);
});

test('named parts of the driver bring along what asks for devices', t => {
  const capabilities = (...named: string[]) =>
    deviceRequests(['GPU-aa'], gpu({ capabilities: named }))[0]?.Capabilities;
  t.deepEqual(capabilities('gpu'), [['gpu']]);
  t.deepEqual(capabilities('nvidia'), [['gpu', 'nvidia']]);
  t.deepEqual(capabilities('gpu', 'video'), [['gpu', 'video', 'utility']]);
  t.deepEqual(capabilities('gpu', 'utility', 'compute'), [['gpu', 'utility', 'compute']]);
});

test('no devices are no request', t => {
  t.deepEqual(deviceRequests([], gpu()), []);
  t.deepEqual(deviceRequests([], undefined), []);
});
