import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { type DestinationStream, type Logger, pino } from 'pino';
import { createSidecar } from '../sidecar/index.ts';
import { admitOrThrow } from './admission/admit-or-throw.ts';
import { readBindFolders } from './admission/bind-folders.ts';
import { type AdmissionPolicy, defaultPolicy, loadPolicy } from './admission/policy.ts';
import { protectedFiles } from './admission/protected-files.ts';
import { parseTokens } from './api/auth.ts';
import type { ListenAddress } from './api/listen-address.ts';
import { createMetrics } from './api/metrics.ts';
import { startApi } from './api/start-api.ts';
import { createSteadyClock } from './clock.ts';
import type { ControlPlane } from './control-plane.ts';
import { Controller } from './controller/controller.ts';
import { ServedControlPlane } from './controller/served-control-plane.ts';
import { OutriggerError } from './core/errors.ts';
import { isVacant } from './core/nodes/is-vacant.ts';
import { reconcile } from './core/reconcile.ts';
import type { ServiceSpec } from './core/spec.ts';
import { createDockerEngine, DialGate } from './engine/docker/index.ts';
import { randomIds, randomWord } from './ids.ts';
import { openBoundedLog } from './logs/bounded-log.ts';
import { openNodes } from './nodes/open-nodes.ts';
import type { Clock, Registry, Store } from './ports.ts';
import { EmbeddedRegistry } from './registry/embedded.ts';
import { DiscoveryHub } from './registry/hub.ts';
import { logHealth } from './registry/log-health.ts';
import type { Advertise } from './registry/registration.ts';
import { stateFolder } from './state-folder.ts';
import { openSqliteStore } from './store/sqlite.ts';
import { version } from './version.ts';

export interface ControlPlaneOptions {
  /** The state folder; absent: OUTRIGGER_STATE or the user's own. */
  readonly state?: string;
  /** TCP addresses besides the unix socket, which is always there. */
  readonly listen?: readonly ListenAddress[];
  readonly registry?: 'embedded' | 'consul';
  readonly consul?: { readonly address?: string; readonly tokenFile?: string };
  /** Which of a replica's addresses the registry publishes. */
  readonly advertise?: Advertise;
  /** Publish every service's port on this address of the host, for hosts that cannot reach container addresses. */
  readonly publishOn?: string;
  /** The nodes file, or `none`; absent: the one that OUTRIGGER_NODES names, then that of the last start, then nodes.yaml of the state folder. */
  readonly nodes?: string;
  /** Called with what makes the control plane read its nodes file and all that it names again. */
  readonly onRereadable?: (reread: () => void) => void;
  /** The operator's admission policy, a JSON or YAML file; absent: the one that OUTRIGGER_ADMISSION names. */
  readonly admission?: string;
  /** Further folders that containers may mount; without a policy file the user's home may be mounted too. */
  readonly allowBind?: readonly string[];
  /** File of hashed tokens; asked for on every TCP address. */
  readonly tokens?: string;
  /** End by itself once the last service is gone, or none came. */
  readonly exitWhenIdle?: boolean;
  readonly logLevel?: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly logTo?: DestinationStream;
  readonly onListening?: (addresses: readonly string[]) => void;
}

/**
 * The composition root: configuration → adapters → controller → servers. Resolves once it has shut down again, in
 * reverse order, after the signal fired or it ran idle. Containers are left as they are. Rejects with an OutriggerError
 * where it cannot start; nothing is left behind then.
 */
export async function runControlPlane(options: ControlPlaneOptions, signal: AbortSignal): Promise<void> {
  const { environment } = options;
  const folder = stateFolder(environment, options.state);
  const log = createLog(options, folder.log);
  await using cleanup = new AsyncDisposableStack();

  const tokens =
    options.tokens === undefined ? undefined : parseTokens(await readOperatorFile(options.tokens), options.tokens);
  const policy = await policyOf(options);
  // What controls the engines or this control plane stays out of every container, whatever a policy allows.
  const secrets = protectedFiles(options);
  const ofItsUser = options.exitWhenIdle === true && policyFile(options) === undefined;
  const clock = createSteadyClock();
  const store = cleanup.adopt(await openSqliteStore(folder.database), s => s.close());
  const onForgotten = (service: string) =>
    log.warn({ service }, 'a watcher acknowledges nothing while replicas come and go; their end waits for it no more');
  const hub = cleanup.adopt(new DiscoveryHub(randomWord(12), { clock, onForgotten }), h => h.close());
  const registry = cleanup.adopt(await createRegistry(options, store, clock), r =>
    r.close({ withdraw: false }, AbortSignal.timeout(CLOSE_DEADLINE_MS)),
  );
  logHealth(registry, log);
  const sidecar = cleanup.adopt(createSidecar({ clock }), s => s.close());
  const dialGate = new DialGate();
  const nodes = await openNodes({
    file: options.nodes ?? (environment['OUTRIGGER_NODES'] || undefined),
    folder,
    makeEngine: (node, { settings, ...told }) =>
      createDockerEngine({ node, instance: store.instance, clock, environment, dialGate, ...settings, ...told }),
    ...(options.publishOn === undefined ? {} : { publishOn: options.publishOn }),
    environment,
    signal,
    clock,
    log,
  });
  options.onRereadable?.(() => nodes.reread());

  const metrics = createMetrics();
  let addresses: readonly string[] = [];
  const exitWhenIdle = options.exitWhenIdle ?? false;
  const admit = async (spec: ServiceSpec) => {
    // Which projects its user brings up on it is known only by and by.
    const bindRoots = ofItsUser ? await readBindFolders(folder.bindFolders) : [];
    const hidden = [folder.folder, ...nodes.hiddenPaths(), ...secrets];
    return admitOrThrow(spec, withBindRoots(policy, bindRoots), { hidden, environment });
  };
  const controller = cleanup.adopt(
    await Controller.open({
      members: nodes.inUse().members,
      nodePolicy: nodes.inUse().policy,
      reconcile,
      registry,
      hub,
      store,
      sidecar,
      clock,
      ids: randomIds,
      log,
      admit,
    }),
    c => c.close(),
  );
  const controlPlane = new ServedControlPlane({
    loop: controller,
    registry,
    hub,
    store,
    clock,
    admit,
    identity: () => {
      const nodesFile = nodes.file();
      const nodesProblem = nodes.problem();
      return {
        version,
        pid: process.pid,
        listen: addresses,
        exitWhenIdle,
        ...(nodesFile && { nodesFile: nodesFile.path, nodesFileFrom: nodesFile.from }),
        ...(nodesProblem !== null && { nodesProblem }),
      };
    },
  });
  const listen: ListenAddress[] = [{ kind: 'unix', path: folder.socket }, ...(options.listen ?? [])];
  const api = await startApi({ controlPlane, listen, metrics, log, ...(tokens ? { tokens } : {}) });
  cleanup.adopt(api, a => a.close(AbortSignal.timeout(CLOSE_DEADLINE_MS)));
  addresses = api.addresses;
  controller.start();
  cleanup.defer(() => nodes.close());
  nodes.follow(
    ({ members, policy }) => {
      controller.setMembers(members);
      controller.setNodePolicy(policy);
    },
    name => isVacant(controller.state, name),
  );
  log.info({ version, state: folder.folder, addresses, instance: store.instance }, 'the control plane serves');
  options.onListening?.(addresses);

  await Promise.race([aborted(signal), ...(exitWhenIdle ? [idle(controlPlane, clock, signal)] : [])]);
  const reason = signal.aborted ? reasonOf(signal) : 'nothing is left to run';
  log.info({ reason }, 'the control plane is shutting down; containers are left as they are');
}

const CLOSE_DEADLINE_MS = 5_000;
/** A control plane that was started for one command must not leave between two of that command's requests. */
const IDLE_GRACE_MS = 3_000;

function createLog(options: ControlPlaneOptions, file: string): Logger {
  const settings = { level: options.logLevel ?? 'info', base: null, timestamp: pino.stdTimeFunctions.isoTime };
  if (options.logTo) return pino(settings, options.logTo);
  return pino(settings, openBoundedLog(file));
}

async function createRegistry(options: ControlPlaneOptions, store: Store, clock: Clock): Promise<Registry> {
  const { instance } = store;
  const advertise = options.advertise ?? 'network';
  if (options.registry !== 'consul') return new EmbeddedRegistry({ instance, advertise });
  // Loaded only where it is used: a single machine does not pay for its start-up.
  const { ConsulRegistry } = await import('./registry/consul.ts');
  const { consulConnection } = await import('./registry/consul-connection.ts');
  const connection = consulConnection(options.environment, options.consul?.address);
  const token = options.consul?.tokenFile === undefined ? {} : { token: { file: options.consul.tokenFile } };
  return new ConsulRegistry({ instance, advertise, clock, connection: { ...connection, ...token } });
}

/** The operator's policy, or the default one with the user's home; folders of --allow-bind come on top of those that it names. */
async function policyOf(options: ControlPlaneOptions): Promise<AdmissionPolicy> {
  const file = policyFile(options);
  const allowed = (options.allowBind ?? []).map(folder => path.resolve(folder));
  // Who comes over TCP with a token is not the user whose home this is.
  const own = options.listen?.some(address => address.kind === 'tcp') ? [] : [homedir()];
  if (file === undefined) return defaultPolicy({ folders: [...own, ...allowed] });
  return withBindRoots(await loadPolicy(path.resolve(file)), allowed);
}

function policyFile({ admission, environment }: ControlPlaneOptions): string | undefined {
  return admission ?? (environment['OUTRIGGER_ADMISSION'] || undefined);
}

function withBindRoots({ allow }: AdmissionPolicy, further: readonly string[]): AdmissionPolicy {
  return { allow: { ...allow, bindRoots: [...allow.bindRoots, ...further] } };
}

async function readOperatorFile(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new OutriggerError('invalid_argument', `cannot read ${file}: ${(cause as Error).message}`, {
      next: 'name a file that this user may read',
      cause,
    });
  }
}

/** Whoever aborts the signal says why. */
function reasonOf({ reason }: AbortSignal): string {
  return reason instanceof Error ? reason.message : String(reason);
}

function aborted(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  if (signal.aborted) resolve();
  signal.addEventListener('abort', () => resolve(), { once: true });
  return promise;
}

/** Resolves once there has been no service for a while. */
async function idle(controlPlane: ControlPlane, clock: Clock, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await until(controlPlane, signal, () => controlPlane.status().services === 0);
    const busy = new AbortController();
    const waiting = AbortSignal.any([signal, busy.signal]);
    void until(controlPlane, waiting, () => controlPlane.status().services > 0).then(() => busy.abort());
    await clock.sleep(IDLE_GRACE_MS, waiting).catch(() => {});
    if (!busy.signal.aborted) {
      busy.abort();
      return;
    }
  }
}

/** Resolves once it holds after a change of the state, or the signal fired. */
function until(controlPlane: ControlPlane, signal: AbortSignal, holds: () => boolean): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const stopListening = controlPlane.onChange(() => {
    if (holds()) resolve();
  });
  if (holds() || signal.aborted) resolve();
  signal.addEventListener('abort', () => resolve(), { once: true });
  return promise.finally(stopListening);
}
