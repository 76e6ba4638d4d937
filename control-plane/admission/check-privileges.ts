import type { ServiceSpec } from '../core/spec.ts';
import type { Denial } from './denial.ts';
import { type AdmissionPolicy, capabilityName } from './policy.ts';

/** What would give a process more than its container: privileged, capabilities, security options, sysctls, runtimes. */
export function checkPrivileges(spec: ServiceSpec, { allow }: AdmissionPolicy): Denial[] {
  return [
    ...(spec.privileged && !allow.privileged
      ? [
          {
            keyPath: 'privileged',
            message: 'a privileged container is as good as root on the node',
            next: 'Drop it and name what is needed (cap_add, a device reservation), or have the operator set allow.privileged.',
          },
        ]
      : []),
    ...spec.capAdd.flatMap((spelling, i) => capability(spelling, `cap_add[${i}]`, allow)),
    ...spec.securityOpt.flatMap((option, i) => securityOption(option, `security_opt[${i}]`, allow)),
    ...Object.keys(spec.sysctls).flatMap(name => sysctl(name, spec, allow)),
    ...named(
      'runtime',
      spec.runtime,
      allow.runtimes,
      'runtimes',
      'another runtime decides itself what the container may',
    ),
    ...named(
      'cgroup_parent',
      spec.cgroupParent,
      allow.cgroupParents,
      'cgroupParents',
      'another cgroup escapes the limits',
    ),
  ];
}

type Allow = AdmissionPolicy['allow'];

function capability(spelling: string, keyPath: string, allow: Allow): Denial[] {
  const name = capabilityName(spelling);
  if (allow.capabilities.includes('ALL') || allow.capabilities.includes(name)) return [];
  return [
    {
      keyPath,
      message: `the capability ${name} reaches beyond the container; allowed are ${allow.capabilities.join(', ') || 'none'}`,
      next: `Drop it, or have the operator add ${name} to allow.capabilities.`,
    },
  ];
}

function securityOption(option: string, keyPath: string, allow: Allow): Denial[] {
  const normal = normalOption(option);
  if (normal === 'no-new-privileges' || normal === 'no-new-privileges=true') return [];
  if (normal.startsWith('no-new-privileges')) {
    return [{ keyPath, message: 'no-new-privileges is always on', next: 'Take the option out.' }];
  }
  if (allow.securityOpt.some(allowed => normalOption(allowed) === normal)) return [];
  return [
    {
      keyPath,
      message: `"${option}" loosens what confines the container`,
      next: `Take it out, or have the operator add "${normal}" to allow.securityOpt.`,
    },
  ];
}

/** Docker takes `key=value` and, from long ago, `key:value`. Only the key is case-insensitive here, to be on the safe side. */
function normalOption(option: string): string {
  const at = option.search(/[=:]/);
  return at < 0
    ? option.trim().toLowerCase()
    : `${option.slice(0, at).trim().toLowerCase()}=${option.slice(at + 1).trim()}`;
}

function sysctl(name: string, spec: ServiceSpec, allow: Allow): Denial[] {
  if (allow.sysctls.includes(name)) return [];
  // Namespaced only while the namespace is the container's own.
  const ownIpc = spec.ipcMode !== 'host';
  const ownNetwork = spec.networkMode !== 'host';
  if (SAFE_NET_SYSCTLS.has(name) && ownNetwork) return [];
  if (SAFE_IPC_SYSCTLS.has(name) && ownIpc) return [];
  return [
    {
      keyPath: `sysctls.${name}`,
      message: `the sysctl ${name} may act on the whole node`,
      next: `Set it on the node itself, or have the operator add it to allow.sysctls.`,
    },
  ];
}

/** Namespaced by the kernel, and harmless to neighbours: Kubernetes' safe ones, and the accept queue that servers ask for. */
const SAFE_NET_SYSCTLS: ReadonlySet<string> = new Set([
  'net.core.somaxconn',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.ip_local_reserved_ports',
  'net.ipv4.ip_unprivileged_port_start',
  'net.ipv4.ping_group_range',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_rmem',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.tcp_wmem',
  'net.ipv6.conf.all.disable_ipv6',
]);
const SAFE_IPC_SYSCTLS: ReadonlySet<string> = new Set([
  'kernel.msgmax',
  'kernel.msgmnb',
  'kernel.msgmni',
  'kernel.sem',
  'kernel.shm_rmid_forced',
  'kernel.shmall',
  'kernel.shmmax',
  'kernel.shmmni',
]);

function named(
  keyPath: string,
  value: string | undefined,
  allowed: readonly string[],
  key: keyof Allow,
  why: string,
): Denial[] {
  if (value === undefined || allowed.includes(value)) return [];
  return [
    {
      keyPath,
      message: `"${value}": ${why}`,
      next: `Take it out, or have the operator add "${value}" to allow.${key}.`,
    },
  ];
}
