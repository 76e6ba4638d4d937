import type { ContainerCreateOptions, EndpointSettings, HostConfig, MountSettings } from 'dockerode';
import type { Action } from '../../core/actions.ts';
import type { Mount, NetworkSpec, ServiceSpec } from '../../core/spec.ts';
import { deviceRequests } from './device-requests.ts';
import { replicaLabels } from './labels.ts';

export interface CreateOptionsContext {
  readonly instance: string;
  /** The devices of the placement, by the names that the engine is asked for them by. */
  readonly deviceNames: readonly string[];
  /** Publish the service's port on this address of the host, for hosts that cannot reach container addresses. */
  readonly publishOn?: string;
  /** Memory limit of a container whose spec has none, so that it cannot take the whole node down. 0: no limit. */
  readonly defaultMemoryLimitBytes: number;
  /** Networks beyond the first are joined at create (API 1.44 and later) rather than by a call of their own. */
  readonly severalNetworks: boolean;
}

/**
 * The body of a create request, and the networks that must be joined afterwards. Built field by field from an admitted
 * spec: no object of a user's is ever passed on, so a field that is not named here cannot reach the engine.
 */
export function createOptions(
  request: Extract<Action, { kind: 'create' }>,
  context: CreateOptionsContext,
): { body: ContainerCreateOptions; joinLater: readonly NetworkSpec[] } {
  const { spec } = request;
  const networks = networksOf(spec);
  const atCreate = context.severalNetworks ? networks : networks.slice(0, 1);
  const ports = publishedPorts(spec, context.publishOn);
  const body: ContainerCreateOptions = {
    Image: spec.image,
    Labels: { ...spec.labels, ...replicaLabels({ ...request, instance: context.instance }) },
    Env: environment(request),
    Tty: spec.tty,
    StopTimeout: Math.ceil(spec.stopGraceMs / 1_000),
    ExposedPorts: Object.fromEntries(Object.keys(ports).map(key => [key, {}])),
    HostConfig: hostConfig(request, context, ports),
    ...(spec.command && { Cmd: [...spec.command] }),
    ...(spec.entrypoint && { Entrypoint: [...spec.entrypoint] }),
    ...(spec.workingDir !== undefined && { WorkingDir: spec.workingDir }),
    ...(spec.user !== undefined && { User: spec.user }),
    ...(spec.hostname !== undefined && { Hostname: spec.hostname }),
    ...(spec.stopSignal !== undefined && { StopSignal: spec.stopSignal }),
    ...(spec.healthcheck && { Healthcheck: healthcheck(spec.healthcheck) }),
  };
  if (atCreate.length > 0) {
    body.NetworkingConfig = {
      EndpointsConfig: Object.fromEntries(atCreate.map(network => [network.name, endpointSettings(spec, network)])),
    };
  }
  return { body, joinLater: networks.slice(atCreate.length) };
}

/** The networks that a container of this spec joins, best first; none where `network_mode` decides. */
export function networksOf(spec: ServiceSpec): readonly NetworkSpec[] {
  if (spec.networkMode !== undefined) return [];
  return spec.networks.length > 0 ? spec.networks : [defaultNetwork(spec.namespace)];
}

/** A replica answers to its service's name, as in Compose, beside the aliases of the spec. */
export function endpointSettings(spec: ServiceSpec, network: NetworkSpec): EndpointSettings {
  return { Aliases: [...new Set([spec.name, ...network.aliases])] };
}

/** What Compose would call and make. */
function defaultNetwork(namespace: string): NetworkSpec {
  return {
    name: `${namespace}_default`,
    key: 'default',
    aliases: [],
    external: false,
    internal: false,
    driverOptions: {},
    subnets: [],
  };
}

function hostConfig(
  { spec }: Extract<Action, { kind: 'create' }>,
  context: CreateOptionsContext,
  ports: PortBindings,
): HostConfig {
  const { resources } = spec;
  const first = networksOf(spec)[0];
  const tmpfs = spec.mounts.filter(mount => mount.kind === 'tmpfs');
  return {
    // What always holds, whatever the spec says.
    CapDrop: ['ALL'],
    CapAdd: [...spec.capAdd],
    SecurityOpt: ['no-new-privileges', ...spec.securityOpt.filter(option => !/^no-new-privileges/.test(option))],
    RestartPolicy: { Name: 'no' },
    AutoRemove: false,
    PidsLimit: resources.pids,
    Memory: resources.limitMemoryBytes || context.defaultMemoryLimitBytes,
    LogConfig: logConfig(spec),

    ...(resources.limitMemoryBytes === 0 &&
      resources.memoryBytes > 0 && { MemoryReservation: Math.min(resources.memoryBytes, memoryCeiling(context)) }),
    ...(resources.limitCpus > 0 && { NanoCpus: Math.round(resources.limitCpus * 1e9) }),
    Init: spec.init,
    ReadonlyRootfs: spec.readOnly,
    DeviceRequests: deviceRequests(context.deviceNames, resources.gpu),
    Binds: spec.mounts.filter(madeByEngine).map(mount => bindLine(mount)),
    Mounts: spec.mounts.filter(mount => mount.kind !== 'tmpfs' && !madeByEngine(mount)).map(mountSettings),
    ...(tmpfs.length > 0 && { Tmpfs: Object.fromEntries(tmpfs.map(mount => [mount.target, tmpfsOptions(mount)])) }),
    PortBindings: ports,
    NetworkMode: spec.networkMode ?? first?.name ?? 'none',
    Dns: [...spec.dns],
    DnsSearch: [...spec.dnsSearch],
    ExtraHosts: [...spec.extraHosts],
    GroupAdd: [...spec.groupAdd],
    Sysctls: { ...spec.sysctls },
    Ulimits: Object.entries(spec.ulimits).map(([name, { soft, hard }]) => ({ Name: name, Soft: soft, Hard: hard })),
    ...(spec.shmSizeBytes !== undefined && { ShmSize: spec.shmSizeBytes }),

    // What admission denies unless the operator's policy names it.
    ...(spec.privileged && { Privileged: true }),
    ...(spec.pidMode !== undefined && { PidMode: spec.pidMode }),
    ...(spec.ipcMode !== undefined && { IpcMode: spec.ipcMode }),
    ...(spec.utsMode !== undefined && { UTSMode: spec.utsMode }),
    ...(spec.usernsMode !== undefined && { UsernsMode: spec.usernsMode }),
    ...(spec.cgroupMode !== undefined && { CgroupnsMode: spec.cgroupMode as 'private' | 'host' }),
    ...(spec.cgroupParent !== undefined && { CgroupParent: spec.cgroupParent }),
    ...(spec.runtime !== undefined && { Runtime: spec.runtime }),
    ...(spec.devices.length > 0 && { Devices: spec.devices.map(deviceMapping) }),
  };
}

type PortBindings = Record<string, { HostIp: string; HostPort: string }[]>;

function publishedPorts(spec: ServiceSpec, publishOn: string | undefined): PortBindings {
  const bindings: PortBindings = {};
  const publish = (key: string, HostIp: string, hostPort: number) => {
    bindings[key] ??= [];
    bindings[key].push({ HostIp, HostPort: hostPort === 0 ? '' : String(hostPort) });
  };
  for (const port of spec.ports) publish(`${port.containerPort}/${port.protocol}`, port.hostIp, port.hostPort);
  if (publishOn !== undefined && spec.port !== undefined && !bindings[`${spec.port}/tcp`]) {
    publish(`${spec.port}/tcp`, publishOn, 0);
  }
  return bindings;
}

/**
 * Images made for CUDA set NVIDIA_VISIBLE_DEVICES=all, which on a host whose default runtime is NVIDIA's would hand out
 * every GPU past the scheduler. The `nvidia` driver writes the variable itself, so there it stays out of the way.
 */
function environment({ spec, placement }: Extract<Action, { kind: 'create' }>): string[] {
  const given = deviceRequests(placement.devices, spec.resources.gpu).some(request => request.Driver === 'nvidia');
  const entries = Object.entries(spec.environment).map(([name, value]) => `${name}=${value}`);
  const stated = Object.hasOwn(spec.environment, 'NVIDIA_VISIBLE_DEVICES');
  return given || stated ? entries : [...entries, 'NVIDIA_VISIBLE_DEVICES=void'];
}

type BindMount = Extract<Mount, { kind: 'bind' }>;

/** Only the short form makes a missing source folder on every engine; it cannot say a path with a colon. */
function madeByEngine(mount: Mount): mount is BindMount {
  return mount.kind === 'bind' && mount.createHostPath && !mount.source.includes(':') && !mount.target.includes(':');
}

function bindLine(mount: BindMount): string {
  return `${mount.source}:${mount.target}${mount.readOnly ? ':ro' : ''}`;
}

function mountSettings(mount: Mount): MountSettings {
  const common = { Target: mount.target, ReadOnly: mount.kind !== 'tmpfs' && mount.readOnly };
  switch (mount.kind) {
    case 'bind':
      return { ...common, Type: 'bind', Source: mount.source };
    case 'volume':
      return {
        ...common,
        Type: 'volume',
        Source: mount.name ?? '',
        ...(mount.noCopy && { VolumeOptions: { NoCopy: true, Labels: {}, DriverConfig: { Name: '', Options: {} } } }),
      };
    case 'tmpfs':
      return { ...common, Type: 'tmpfs', Source: '' };
    default:
      return mount satisfies never;
  }
}

function tmpfsOptions(mount: Extract<Mount, { kind: 'tmpfs' }>): string {
  return [
    ...(mount.sizeBytes !== undefined ? [`size=${mount.sizeBytes}`] : []),
    ...(mount.mode !== undefined ? [`mode=${mount.mode.toString(8)}`] : []),
  ].join(',');
}

function healthcheck(check: NonNullable<ServiceSpec['healthcheck']>) {
  return {
    Test: [...check.test],
    Interval: check.intervalMs * 1e6,
    Timeout: check.timeoutMs * 1e6,
    Retries: check.retries,
    StartPeriod: check.startPeriodMs * 1e6,
  };
}

function logConfig({ logging }: ServiceSpec) {
  return {
    Type: 'json-file',
    Config: { 'max-size': String(logging.maxSizeBytes), 'max-file': String(logging.maxFiles) },
  };
}

/** `host[:container[:permissions]]`, as Compose writes it. */
function deviceMapping(device: string) {
  const [host = '', container = host, permissions = 'rwm'] = device.split(':');
  return { PathOnHost: host, PathInContainer: container, CgroupPermissions: permissions };
}

/** Docker refuses a reservation above the limit. */
function memoryCeiling(context: CreateOptionsContext): number {
  return context.defaultMemoryLimitBytes || Number.MAX_SAFE_INTEGER;
}
