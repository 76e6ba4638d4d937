import type { ServiceSpecInput } from '../core/spec.ts';
import type { Fields } from './fields.ts';

/**
 * The fields that give a container more than the ordinary. They are only carried over; admission decides about them.
 * Modes that point at another service are refused: a service has any number of replicas, and none is "the" container.
 */
export function privileges(service: Fields): Partial<ServiceSpecInput> {
  return {
    privileged: service.flag('privileged'),
    capAdd: service.texts('cap_add'),
    capDrop: service.texts('cap_drop'),
    networkMode: mode(service, 'network_mode'),
    pidMode: mode(service, 'pid'),
    ipcMode: mode(service, 'ipc'),
    utsMode: service.text('uts'),
    usernsMode: service.text('userns_mode'),
    cgroupMode: service.text('cgroup'),
    cgroupParent: service.text('cgroup_parent'),
    runtime: service.text('runtime'),
    securityOpt: service.texts('security_opt'),
    devices: devices(service),
    sysctls: Object.fromEntries(service.textMap('sysctls').map(([key, value]) => [key, value ?? ''])),
  };
}

function mode(service: Fields, key: string): string | undefined {
  const value = service.text(key);
  if (value?.startsWith('service:')) {
    service.findings.error(
      service.at(key),
      `"${value}" names one container of another service, and a service of Outrigger has any number of them; use networks`,
    );
    return undefined;
  }
  return value || undefined;
}

function devices(service: Fields): string[] {
  return service.list('devices').flatMap(device => {
    const source = device.text('source') ?? '';
    const target = device.text('target') ?? source;
    const permissions = device.text('permissions') ?? 'rwm';
    device.end();
    if (/^[^/]+\/[^/=]+=/.test(source)) {
      device.findings.error(
        device.path,
        `"${source}" is a device that Outrigger schedules; ask for it with gpus: [{driver: cdi, device_ids: ["${source}"]}]`,
      );
      return [];
    }
    return [`${source}:${target}:${permissions}`];
  });
}
