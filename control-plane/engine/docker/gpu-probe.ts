import { randomBytes } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import type { ContainerCreateOptions, DeviceRequest } from 'dockerode';
import { OutriggerError } from '../../core/errors.ts';
import type { EngineDevices } from './discover-devices.ts';
import type { EngineClient } from './engine-client.ts';
import { PROBE_LABEL } from './labels.ts';
import { framedLines } from './logs.ts';
import { parseSmi, SMI_ARGUMENTS, type SmiOutput, type SmiReading } from './nvidia-smi.ts';
import type { pullImage } from './pull-image.ts';
import { Refresh } from './refresh.ts';
import { statusOf } from './translate-error.ts';

/**
 * `nvidia-smi` on a node that is not this machine: in a container that is given all its GPUs, into which NVIDIA's toolkit
 * puts the program, and which the engine removes when it ends. There is never more than one: what a crash of ours or a
 * stuck driver left behind is removed first, and where that cannot be, nothing is started.
 */
export class GpuProbe {
  readonly #client: EngineClient;
  readonly #options: { readonly node: string; readonly image: string; readonly instance: string };
  readonly #deadlineMs: number;
  readonly #pull: Refresh<void>;
  #pullFailure: { readonly error: unknown; readonly at: number } | null = null;

  constructor(
    client: EngineClient,
    options: {
      node: string;
      /** Needs /bin/sh and glibc, nothing of NVIDIA's. */
      image: string;
      instance: string;
      pull: (request: Parameters<typeof pullImage>[1], signal: AbortSignal) => Promise<void>;
      /** For the whole of a reading. */
      deadlineMs?: number;
    },
  ) {
    this.#client = client;
    this.#options = options;
    this.#deadlineMs = options.deadlineMs ?? DEADLINE_MS;
    const { node, image } = options;
    this.#pull = new Refresh<void>(() =>
      options.pull({ kind: 'pull', node, image, policy: 'missing' }, AbortSignal.timeout(PULL_DEADLINE_MS)),
    );
  }

  /** Rejects with `unavailable` where the driver does not answer, and as the engine does where it refuses the container. */
  async read(engine: EngineDevices, signal: AbortSignal): Promise<SmiReading> {
    const inTime = AbortSignal.any([signal, AbortSignal.timeout(this.#deadlineMs)]);
    await this.#removeLeftovers(inTime);
    const id = await this.#create(engine, inTime);
    try {
      const output = await this.#run(id, inTime);
      return parseSmi(outputsOf(output));
    } finally {
      // Also after the deadline: what hangs there must not stay.
      await this.#remove(id, AbortSignal.timeout(REMOVE_DEADLINE_MS)).catch(() => {});
    }
  }

  async #create(engine: EngineDevices, signal: AbortSignal): Promise<string> {
    const { node, image, instance } = this.#options;
    const doing = `creating the GPU probe of node ${node}`;
    const body: ContainerCreateOptions = {
      Image: image,
      Entrypoint: ['/bin/sh', '-c', SCRIPT],
      Cmd: [],
      Labels: { [PROBE_LABEL]: instance },
      Env: ['LC_ALL=C'],
      Healthcheck: { Test: ['NONE'] },
      HostConfig: {
        AutoRemove: true,
        NetworkMode: 'none',
        CapDrop: ['ALL'],
        SecurityOpt: ['no-new-privileges'],
        Memory: 512 * 1024 * 1024,
        PidsLimit: 64,
        LogConfig: { Type: 'none', Config: {} },
        DeviceRequests: allGpus(engine),
      },
    };
    try {
      const container = await this.#client.call(
        { doing, deadlineMs: this.#client.deadlines.changeMs, signal },
        (docker, abortSignal) =>
          docker.createContainer({
            _query: { name: `${NAME_PREFIX}${instance}-${randomBytes(4).toString('hex')}` },
            _body: body,
            abortSignal,
          } as never),
      );
      return container.id;
    } catch (error) {
      if (statusOf(error) !== 404) throw error;
      throw this.#beginPull(error);
    }
  }

  /** The image is not there. It is pulled beside everything else, and a pull that failed is not tried again at once. */
  #beginPull(cause: unknown): OutriggerError {
    const { image, node } = this.#options;
    const failed = this.#pullFailure;
    if (!failed || performance.now() - failed.at > PULL_RETRY_MS) {
      this.#pull.begin().then(
        () => {
          this.#pullFailure = null;
        },
        error => {
          this.#pullFailure = { error, at: performance.now() };
        },
      );
    }
    const words = failed ? `could not be had: ${(failed.error as Error).message}` : 'is being pulled';
    return new OutriggerError('unavailable', `the image of the GPU probe, ${image}, ${words}`, {
      next: `Load or build ${image} on node ${node}, or name another as its gpu_probe_image: any with /bin/sh and glibc.`,
      cause,
    });
  }

  async #run(id: string, signal: AbortSignal): Promise<readonly string[]> {
    const doing = `running the GPU probe of node ${this.#options.node}`;
    // Attached before it starts: it may end, and be gone, before anyone could ask for its output.
    const stream = await this.#client.stream(
      { doing, method: 'POST', path: `/containers/${id}/attach`, query: { stream: true, stdout: true, stderr: true } },
      signal,
    );
    try {
      const deadlineMs = this.#client.deadlines.startMs;
      await this.#client.call({ doing, deadlineMs, signal }, (docker, abortSignal) =>
        docker.getContainer(id).start({ abortSignal }),
      );
      const lines: string[] = [];
      for await (const { text } of framedLines(stream)) if (lines.length < MOST_LINES) lines.push(...text.split('\n'));
      if (signal.aborted) throw new OutriggerError('unavailable', `${doing}: nvidia-smi did not end in time`);
      return lines;
    } finally {
      stream.destroy();
    }
  }

  async #removeLeftovers(signal: AbortSignal): Promise<void> {
    const { instance } = this.#options;
    const filters = JSON.stringify({ label: [`${PROBE_LABEL}=${instance}`] });
    const list = async () => {
      const labelled = await this.#client.call(
        { doing: 'listing GPU probes', deadlineMs: this.#client.deadlines.queryMs, signal },
        (docker, abortSignal) => docker.listContainers({ all: true, filters, abortSignal }),
      );
      return labelled.filter(({ Labels, Names }) => this.#isOurs(Labels, Names));
    };
    // One that ended by itself is listed for as long as the engine takes to remove it.
    for (let left = await list(), tries = 0; left.length > 0; left = await list(), tries += 1) {
      if (tries >= MOST_TRIES) throw this.#stuck(left[0]?.Id ?? '');
      for (const { Id } of left) if (await this.#isStillOurs(Id, signal)) await this.#remove(Id, signal);
      await wait(RETRY_MS, undefined, { signal }).catch(() => {});
    }
  }

  /** Anyone may put our label on a container; only one that has a probe's name as well is taken for one. */
  #isOurs(labels: Readonly<Record<string, string>> | null, names: readonly string[]): boolean {
    const { instance } = this.#options;
    if (labels?.[PROBE_LABEL] !== instance) return false;
    const prefix = `/${NAME_PREFIX}${instance}-`;
    return names.some(name => name.startsWith(prefix) && /^[0-9a-f]{8}$/.test(name.slice(prefix.length)));
  }

  /** Read once more before the removal: between a listing and now it may have been given another name. */
  async #isStillOurs(id: string, signal: AbortSignal): Promise<boolean> {
    const doing = `looking at the GPU probe of node ${this.#options.node}`;
    try {
      const { Config, Name } = await this.#client.call(
        { doing, deadlineMs: this.#client.deadlines.queryMs, signal },
        (docker, abortSignal) => docker.getContainer(id).inspect({ abortSignal }),
      );
      return this.#isOurs(Config.Labels, [Name]);
    } catch (error) {
      if (statusOf(error) === 404) return false;
      throw error;
    }
  }

  #stuck(id: string): OutriggerError {
    const { node } = this.#options;
    return new OutriggerError('unavailable', `the GPU probe of node ${node} hangs (container ${id.slice(0, 12)})`, {
      next: 'The driver of NVIDIA is stuck on that node; see `dmesg` there. What is known of its devices stays.',
    });
  }

  async #remove(id: string, signal: AbortSignal): Promise<void> {
    const doing = `removing the GPU probe of node ${this.#options.node}`;
    await this.#client
      .call({ doing, deadlineMs: this.#client.deadlines.changeMs, signal }, (docker, abortSignal) =>
        docker.getContainer(id).remove({ force: true, v: true, abortSignal }),
      )
      .catch(error => {
        const status = statusOf(error);
        // Gone, or the engine is at it.
        if (status !== 404 && status !== 409) throw error;
      });
  }
}

/** By the CDI name of all of them where there is one, by all names otherwise; by NVIDIA's runtime where there are none. */
function allGpus({ DiscoveredDevices }: EngineDevices): DeviceRequest[] {
  const names = (DiscoveredDevices ?? []).map(({ ID }) => ID).filter(id => /^nvidia\.com\/(gpu|mig)=/.test(id));
  const all = names.filter(name => name.endsWith('=all'));
  if (names.length > 0) return [{ Driver: 'cdi', DeviceIDs: all.length > 0 ? all : names }];
  return [{ Driver: 'nvidia', Count: -1, Capabilities: [['gpu', 'utility']] }];
}

const NAME_PREFIX = 'outrigger-gpu-probe-';

const RUNS = ['query', 'list', 'table'] as const;

/** Each run's output, then a line that says which it was and how it ended. */
const SCRIPT = RUNS.map(run => {
  const args = SMI_ARGUMENTS[run].map(arg => `'${arg}'`).join(' ');
  return `nvidia-smi ${args} 2>&1; echo "@${run} $?"`;
}).join('\n');

function outputsOf(lines: readonly string[]): Parameters<typeof parseSmi>[0] {
  const outputs: Partial<Record<(typeof RUNS)[number], SmiOutput>> = {};
  let open: string[] = [];
  for (const line of lines) {
    const [, run, exitCode] = /^@(query|list|table) (\d+)$/.exec(line) ?? [];
    if (run === undefined) {
      open.push(line);
      continue;
    }
    outputs[run as (typeof RUNS)[number]] = { exitCode: Number(exitCode), stdout: open.join('\n') };
    open = [];
  }
  const { query, ...rest } = outputs;
  return { ...rest, query: query ?? { exitCode: -1, stdout: open.join('\n') } };
}

const DEADLINE_MS = 20_000;
const REMOVE_DEADLINE_MS = 10_000;
const PULL_DEADLINE_MS = 30 * 60_000;
const PULL_RETRY_MS = 10 * 60_000;
const MOST_LINES = 2_000;
const MOST_TRIES = 20;
const RETRY_MS = 100;
