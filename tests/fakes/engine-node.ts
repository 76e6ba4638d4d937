import type { Action } from '../../control-plane/core/actions.ts';
import { OutriggerError } from '../../control-plane/core/errors.ts';
import type {
  ContainerExit,
  DeviceReport,
  NetworkAddress,
  ObservedDevice,
  PublishedAddress,
} from '../../control-plane/core/observed.ts';
import type { ServiceSpec } from '../../control-plane/core/spec.ts';
import type { Clock, LogLine } from '../../control-plane/ports.ts';
import type { Behaviour } from './engine-behaviour.ts';

export interface FakeContainer {
  readonly id: string;
  readonly name: string;
  readonly instance: string;
  readonly request: Extract<Action, { kind: 'create' }>;
  readonly publishOn: string | undefined;
  state: 'created' | 'running' | 'exited';
  startedAt: number | null;
  /** Counts starts, so that the timer of an earlier run does not end a later one. */
  runs: number;
  addresses: NetworkAddress[];
  publishedPorts: PublishedAddress[];
  health: 'starting' | 'healthy' | 'unhealthy' | undefined;
  exit: ContainerExit | null;
  /** What a check of its devices finds while it runs. */
  sight: Omit<DeviceReport, 'at'>;
  readonly log: LogLine[];
}

/** The machine behind one or several fake engines: its containers, images, networks and volumes, and what befalls them. */
export class FakeNode {
  readonly containers = new Map<string, FakeContainer>();
  /** Present images: name to content id. */
  readonly images = new Map<string, string>();
  readonly remoteImages = new Map<string, { id: string; bytes: number; durationMs: number }>();
  /** By name. */
  readonly networks = new Map<string, { instance: string; namespace: string }>();
  readonly volumes = new Map<string, { instance: string; namespace: string }>();
  /** Subnets that no network may have, and what has them. The real one looks for any overlap. */
  readonly takenSubnets = new Map<string, string>();
  /** What is built in, with what the driver would measure now: a listing has the measurement of the last look only. */
  devices: readonly ObservedDevice[] = [];
  /** Bytes in use by all processes, by device id; a device that is not named cannot be measured. */
  readonly usedBytes = new Map<string, number>();
  /** Counts connections of the event stream: a daemon that went away ends them all. */
  epoch = 0;
  #daemon: 'running' | 'hung' | 'down' = 'running';
  #count = 0;
  #waiting: (() => void)[] = [];
  readonly #clock: Clock;
  /** Container ids are the world's, not the node's: what one node calls its own is nobody else's. */
  readonly #idPrefix: string;

  constructor(clock: Clock, name = 'local') {
    this.#clock = clock;
    this.#idPrefix = name === 'local' ? '' : Buffer.from(name).toString('hex').slice(0, 40);
  }

  get daemon(): 'running' | 'hung' | 'down' {
    return this.#daemon;
  }

  /** hung: takes requests and does not answer. down: refuses them. Containers run on in both, as with live-restore. */
  setDaemon(state: 'running' | 'hung' | 'down'): void {
    if (this.#daemon === 'down' && state === 'running') this.epoch += 1;
    this.#daemon = state;
    this.notify();
  }

  named(name: string): FakeContainer | undefined {
    return [...this.containers.values()].find(container => container.name === name);
  }

  /** Containers that run for a replica. The invariant is that there is never more than one. */
  running(replicaId: string): FakeContainer[] {
    return [...this.containers.values()].filter(c => c.state === 'running' && c.request.replicaId === replicaId);
  }

  /** Of networks of the spec that are not there yet. */
  coveredSubnets({ networks }: ServiceSpec): readonly string[] {
    return networks
      .filter(({ external, name }) => !external && !this.networks.has(name))
      .flatMap(({ name, key, subnets }) => {
        const subnet = subnets.find(s => this.takenSubnets.has(s));
        const what = subnet === undefined ? undefined : this.takenSubnets.get(subnet);
        return what === undefined ? [] : [`The subnet ${subnet} of network ${name} (networks.${key}) covers ${what}`];
      });
  }

  add(options: Pick<FakeContainer, 'request' | 'instance' | 'publishOn'>): FakeContainer {
    const { spec, containerName } = options.request;
    const owner = { instance: options.instance, namespace: spec.namespace };
    this.#makeNetworks(options);
    for (const mount of spec.mounts) {
      if (mount.kind === 'volume' && mount.name !== undefined && !this.volumes.has(mount.name)) {
        this.volumes.set(mount.name, owner);
      }
    }
    const container: FakeContainer = {
      ...options,
      id: this.#idPrefix + (++this.#count).toString(16).padStart(64 - this.#idPrefix.length, '0'),
      name: containerName,
      state: 'created',
      startedAt: null,
      runs: 0,
      addresses: [],
      publishedPorts: [],
      health: undefined,
      exit: null,
      sight:
        options.request.placement.devices.length > 0
          ? { kind: 'sees', message: '' }
          : { kind: 'unknown', message: 'it was given no devices' },
      log: [],
    };
    this.containers.set(container.id, container);
    return container;
  }

  #makeNetworks({ request, instance }: Pick<FakeContainer, 'request' | 'instance'>): void {
    for (const network of networkNames(request)) {
      if (!this.networks.has(network)) this.networks.set(network, { instance, namespace: request.spec.namespace });
    }
  }

  start(container: FakeContainer, behaviour: Behaviour): void {
    this.#makeNetworks(container);
    container.publishedPorts = this.#publish(container);
    container.addresses = networkNames(container.request).map(network => ({ network, ip: this.#nextIp() }));
    container.state = 'running';
    container.exit = null;
    container.startedAt = this.#clock.now();
    container.health = behaviour.health;
    const run = ++container.runs;
    for (const line of behaviour.prints) this.print(container.id, line);
    this.notify();
    const { exits } = behaviour;
    if (!exits) return;
    const exit = () => {
      if (container.runs !== run || container.state !== 'running') return;
      this.exit(container.id, { code: exits.code, oomKilled: exits.oomKilled ?? false });
    };
    if (exits.afterMs === 0) exit();
    else this.#clock.sleep(exits.afterMs, new AbortController().signal).then(exit);
  }

  /** The container ends by itself, or somebody kills it. */
  exit(id: string, exit: { code: number; oomKilled?: boolean; error?: string }): void {
    const container = this.#get(id);
    container.state = 'exited';
    container.addresses = [];
    container.publishedPorts = [];
    container.exit = {
      code: exit.code,
      oomKilled: exit.oomKilled ?? false,
      error: exit.error ?? '',
      logTail: container.log.slice(-20).map(({ text }) => text),
    };
    this.notify();
  }

  /** Somebody deletes it, whatever it does. */
  vanish(id: string): void {
    this.containers.delete(id);
    this.notify();
  }

  /** As after a restart from outside: the same container id with another address and other ports. */
  changePorts(id: string): void {
    const container = this.#get(id);
    container.publishedPorts = [];
    container.publishedPorts = this.#publish(container);
    container.addresses = container.addresses.map(({ network }) => ({ network, ip: this.#nextIp() }));
    this.notify();
  }

  /** GPUs are added, taken out or break, while the node runs. The engine has no event for that. */
  setDevices(devices: readonly ObservedDevice[]): void {
    this.devices = devices;
  }

  /** The container does not see its devices any more, as after a reload of systemd; its process runs on. */
  loseSight(id: string, message = 'Failed to initialize NVML: Unknown Error'): void {
    this.#get(id).sight = { kind: 'lost', message };
  }

  /** What checks of the container's devices find from now on. */
  setSight(id: string, sight: Omit<DeviceReport, 'at'>): void {
    this.#get(id).sight = sight;
  }

  setHealth(id: string, health: 'starting' | 'healthy' | 'unhealthy'): void {
    this.#get(id).health = health;
    this.notify();
  }

  print(id: string, text: string, stream: LogLine['stream'] = 'stdout'): void {
    this.#get(id).log.push({ stream, timestamp: new Date(this.#clock.now()).toISOString(), text });
    this.notify();
  }

  clean(instance: string, namespace: string | null, options: { volumes: boolean }): void {
    const containers = [...this.containers.values()];
    const usedNetworks = new Set(containers.filter(c => c.state === 'running').flatMap(c => networkNames(c.request)));
    const usedVolumes = new Set(
      containers.flatMap(c => c.request.spec.mounts.map(m => (m.kind === 'volume' ? m.name : undefined))),
    );
    const own = (owner: { instance: string; namespace: string }) =>
      owner.instance === instance && (namespace === null || owner.namespace === namespace);
    for (const [name, owner] of this.networks) {
      // Whoever of several instances goes last removes a network of their namespace.
      const isTheirs = namespace === null ? own(owner) : owner.namespace === namespace;
      if (isTheirs && !usedNetworks.has(name)) this.networks.delete(name);
    }
    if (!options.volumes) return;
    for (const [name, owner] of this.volumes) if (own(owner) && !usedVolumes.has(name)) this.volumes.delete(name);
  }

  /** Something changed: events go out. */
  notify(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  /** Resolves with the next change, or when the signal fires. */
  changed(signal: AbortSignal): Promise<void> {
    return new Promise(resolve => {
      if (signal.aborted) return resolve();
      const done = () => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      };
      const onAbort = () => {
        this.#waiting = this.#waiting.filter(waiter => waiter !== done);
        resolve();
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waiting.push(done);
    });
  }

  /** Resolves when the daemon answers again; never, if it does not. */
  async whenAwake(): Promise<void> {
    const forEver = new AbortController().signal;
    while (this.#daemon !== 'running') await this.changed(forEver);
  }

  #publish({ request: { spec }, publishOn }: FakeContainer): PublishedAddress[] {
    const taken = new Set(
      [...this.containers.values()]
        .filter(c => c.state === 'running')
        .flatMap(c => c.publishedPorts.map(p => p.hostPort)),
    );
    const implicit =
      publishOn !== undefined && spec.port !== undefined && !spec.ports.some(p => p.containerPort === spec.port)
        ? [{ containerPort: spec.port, hostPort: 0, hostIp: publishOn, protocol: 'tcp' as const }]
        : [];
    return [...spec.ports, ...implicit].map(port => {
      if (port.hostPort > 0 && taken.has(port.hostPort)) {
        throw new OutriggerError(
          'port_in_use',
          `Bind for ${port.hostIp}:${port.hostPort} failed: port is already allocated`,
        );
      }
      return { ...port, hostPort: port.hostPort || 32_768 + (this.#count++ % 28_000) };
    });
  }

  #nextIp(): string {
    const n = ++this.#count;
    return `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`;
  }

  #get(id: string): FakeContainer {
    const container = this.containers.get(id);
    if (!container) throw new Error(`the fake engine has no container ${id}`);
    return container;
  }
}

function networkNames({ spec }: Extract<Action, { kind: 'create' }>): string[] {
  if (spec.networkMode !== undefined) return [];
  return spec.networks.length > 0 ? spec.networks.map(({ name }) => name) : [`${spec.namespace}_default`];
}
