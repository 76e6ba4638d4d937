import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import Docker from 'dockerode';
import { Client } from 'undici';
import type { ServiceSpecInput } from '../../control-plane/core/spec.ts';
import { LABELS } from '../../control-plane/engine/docker/index.ts';
import type { NodeView, ServiceView, StatusView } from '../../control-plane/views/views.ts';
import { until } from '../until.ts';

const OUTRIGGER = path.join(import.meta.dirname, '../../bin/outrigger');

export interface RunningControlPlaneOptions {
  readonly arguments?: readonly string[];
  readonly environment?: NodeJS.ProcessEnv;
  /** The engine that it runs on, where that is not this machine's. */
  readonly docker?: Docker;
  /** A state folder that is there; absent: one of its own. Removed at the end either way. */
  readonly folder?: string;
}

/** A real control plane in a process and a state folder of its own, asked over its unix socket. */
export class RunningControlPlane {
  readonly folder: string;
  readonly #arguments: readonly string[];
  readonly #environment: NodeJS.ProcessEnv;
  readonly #docker: Docker;
  #process: ChildProcess | null = null;
  #output = '';

  private constructor(folder: string, options: RunningControlPlaneOptions) {
    this.folder = folder;
    this.#arguments = options.arguments ?? [];
    this.#environment = { ...process.env, ...options.environment };
    this.#docker = options.docker ?? new Docker();
  }

  /** Makes a state folder and starts the control plane on it; resolves once it serves. */
  static async start(options: RunningControlPlaneOptions = {}): Promise<RunningControlPlane> {
    const folder = options.folder ?? (await mkdtemp(path.join(tmpdir(), 'outrigger-test-')));
    const running = new RunningControlPlane(folder, options);
    try {
      await running.launch();
      return running;
    } catch (error) {
      await running.dispose();
      throw error;
    }
  }

  get pid(): number {
    return this.#process?.pid ?? -1;
  }

  get socket(): string {
    return path.join(this.folder, 'control.sock');
  }

  /** What the process wrote so far, of all its lives. */
  get output(): string {
    return this.#output;
  }

  /** Starts the process without waiting until it serves. */
  spawn(): void {
    const child = spawn(OUTRIGGER, ['serve', '--state', this.folder, ...this.#arguments], {
      env: this.#environment,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const keep = (chunk: Buffer) => {
      this.#output = (this.#output + chunk.toString()).slice(-KEPT_OUTPUT);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    this.#process = child;
  }

  async launch(): Promise<void> {
    this.spawn();
    await this.serving();
  }

  async serving(): Promise<void> {
    await until(
      () => `the control plane serves; it wrote:\n${this.#output}`,
      async () => {
        if (this.#process?.exitCode !== null) throw new Error(`the control plane ended:\n${this.#output}`);
        return (await this.get<StatusView>('/v1/status').catch(() => null))?.pid === this.pid;
      },
    );
  }

  /** Ends the process at once, as a crash would; resolves when it is gone. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<number | null> {
    const child = this.#process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null;
    const ended = new Promise<number | null>(resolve => child.once('exit', code => resolve(code)));
    child.kill(signal);
    return await ended;
  }

  async get<T>(route: string): Promise<T> {
    return await this.request<T>('GET', route);
  }

  async request<T>(method: 'GET' | 'POST' | 'DELETE', route: string, body?: unknown): Promise<T> {
    const client = new Client('http://localhost', { socketPath: this.socket });
    try {
      const answer = await client.request({
        method,
        path: route,
        ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
        headersTimeout: REQUEST_TIMEOUT_MS,
        bodyTimeout: REQUEST_TIMEOUT_MS,
      });
      const text = await answer.body.text();
      if (answer.statusCode >= 300) throw new Error(`${method} ${route}: ${answer.statusCode} ${text}`);
      return JSON.parse(text) as T;
    } finally {
      await client.destroy();
    }
  }

  async apply(...specs: readonly ServiceSpecInput[]): Promise<void> {
    await this.request('POST', '/v1/apply', { specs, origin: 'test', dryRun: false });
  }

  async remove(namespace: string): Promise<void> {
    await this.request('DELETE', `/v1/services/${namespace}`);
  }

  async services(namespace: string): Promise<ServiceView[]> {
    return (await this.get<{ services: ServiceView[] }>(`/v1/services?namespace=${namespace}`)).services;
  }

  async service(namespace: string, name: string): Promise<ServiceView> {
    return await this.get<ServiceView>(`/v1/services/${namespace}/${name}`);
  }

  async nodes(): Promise<NodeView[]> {
    return (await this.get<{ nodes: NodeView[] }>('/v1/nodes')).nodes;
  }

  /** Resolves once every service of the namespace is as wanted. */
  async ready(namespace: string, options: { deadlineMs?: number } = {}): Promise<ServiceView[]> {
    return await until(
      async () => `${namespace} is ready; it is ${JSON.stringify(await this.services(namespace).catch(String))}`,
      async () => {
        const services = await this.services(namespace);
        return services.length > 0 && services.every(s => s.state === 'ready') ? services : null;
      },
      options,
    );
  }

  async gone(namespace: string): Promise<void> {
    await until(
      () => `${namespace} is gone`,
      async () => (await this.services(namespace)).length === 0,
    );
  }

  /** All containers that carry this control plane's instance label, whatever their state. */
  async containers(): Promise<Docker.ContainerInspectInfo[]> {
    const docker = this.#docker;
    const instance = await this.instance();
    const listed = await docker.listContainers({ all: true, filters: { label: [`${LABELS.instance}=${instance}`] } });
    const inspected = await Promise.all(
      listed.map(c =>
        docker
          .getContainer(c.Id)
          .inspect()
          .catch(() => null),
      ),
    );
    return inspected.filter(c => c !== null);
  }

  async instance(): Promise<string> {
    this.#instance ??= (await this.get<StatusView>('/v1/status')).instance;
    return this.#instance;
  }
  #instance: string | undefined;

  /** Ends the process, and removes every container, network and file that its life left. For the end of a test. */
  async dispose(): Promise<void> {
    await this.instance().catch(() => {});
    await this.kill();
    const docker = this.#docker;
    if (this.#instance !== undefined) {
      const filters = { label: [`${LABELS.instance}=${this.#instance}`] };
      for (const c of await docker.listContainers({ all: true, filters })) {
        await docker
          .getContainer(c.Id)
          .remove({ force: true, v: true })
          .catch(() => {});
      }
      for (const n of await docker.listNetworks({ filters }))
        await docker
          .getNetwork(n.Id)
          .remove()
          .catch(() => {});
    }
    await rm(this.folder, { recursive: true, force: true });
  }

  async log(): Promise<string> {
    return await readFile(path.join(this.folder, 'control-plane.log'), 'utf8').catch(() => this.#output);
  }
}

const KEPT_OUTPUT = 100_000;
const REQUEST_TIMEOUT_MS = 10_000;
