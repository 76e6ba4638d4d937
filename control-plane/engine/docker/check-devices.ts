import type { GivenDevice } from '../../core/node.ts';
import type { DeviceReport } from '../../core/observed.ts';
import { type ExecResult, execInContainer, isExecRunning } from './container-exec.ts';
import type { EngineClient } from './engine-client.ts';
import { GPU_LINE, SLICE_LINE } from './nvidia-smi.ts';

type Answer = Omit<DeviceReport, 'at'>;
interface Request {
  readonly devices: readonly GivenDevice[];
  readonly check?: readonly string[];
}

/** Asks containers whether they see the devices that they were given, by the service's own check or by NVIDIA's `nvidia-smi -L`. */
export class DeviceChecks {
  readonly #client: EngineClient;
  readonly #deadlineMs: number;
  /** Checks that did not end, by container id: no second one is put beside them. */
  readonly #hanging = new Map<string, string>();

  constructor(client: EngineClient, { deadlineMs = DEADLINE_MS } = {}) {
    this.#client = client;
    this.#deadlineMs = deadlineMs;
  }

  async ask(containerId: string, request: Request, signal: AbortSignal): Promise<Answer> {
    const command = request.check ?? (isNvidia(request.devices) ? ['nvidia-smi', '-L'] : null);
    if (command === null) {
      return unknown('nothing is known to ask for these devices with; give the service x-outrigger.gpu.check');
    }
    const hanging = this.#hanging.get(containerId);
    if (hanging !== undefined) {
      if (await isExecRunning(this.#client, hanging, signal)) return unknown('the check before this one still hangs');
      this.#hanging.delete(containerId);
    }
    const result = await execInContainer(this.#client, { containerId, command, deadlineMs: this.#deadlineMs }, signal);
    if (result.kind === 'hangs') this.#noteHanging(containerId, result.execId);
    return request.check ? judgeCheck(request.check, result) : judgeNvidiaSmi(request.devices, result);
  }

  #noteHanging(containerId: string, execId: string): void {
    // Containers come and go; of one that is forgotten here, one more check may hang.
    const oldest = this.#hanging.keys().next();
    if (this.#hanging.size >= MOST_HANGING && !oldest.done) this.#hanging.delete(oldest.value);
    this.#hanging.set(containerId, execId);
  }
}

/** Exit 0 says yes, and any other no; that the program is not there, may not be run or was killed says neither. */
export function judgeCheck(check: readonly string[], result: ExecResult): Answer {
  const undecided = undecidedOf(check[0] as string, result);
  if (undecided || result.kind !== 'ended') return undecided ?? unknown('');
  if (result.exitCode === 0) return { kind: 'sees', message: '' };
  return { kind: 'lost', message: `${check[0]} ended with ${result.exitCode}: ${lastLine(result.output)}` };
}

/**
 * It must end well, and list as many devices as the container was given, and those: an engine looks up a number when it
 * starts a container, and may have found another device there by then.
 */
export function judgeNvidiaSmi(devices: readonly GivenDevice[], result: ExecResult): Answer {
  const undecided = undecidedOf('nvidia-smi', result);
  if (undecided || result.kind !== 'ended') return undecided ?? unknown('');
  const { exitCode, output } = result;
  if (exitCode !== 0) {
    const message = `nvidia-smi ended with ${exitCode}: ${lastLine(output)}`;
    return SAYS_NOTHING.has(exitCode) || SAYS_NOTHING_WORDS.test(output) ? unknown(message) : { kind: 'lost', message };
  }
  const given = devices.length;
  const seen = countDevices(output, devices);
  if (seen < given)
    return { kind: 'lost', message: `nvidia-smi lists ${seen} of ${given} device${given === 1 ? '' : 's'}` };
  const missing = devices.find(({ uuid }) => uuid !== undefined && !output.includes(`(UUID: ${uuid})`));
  if (!missing) return { kind: 'sees', message: '' };
  const listed = output.match(/(?:GPU|MIG)-[^)\s]+(?=\))/g) ?? [];
  return { kind: 'lost', message: `it was given ${missing.uuid}, and nvidia-smi lists ${listed.join(', ')}` };
}

/** Null where the output decides. */
function undecidedOf(program: string, result: ExecResult): Answer | null {
  if (result.kind === 'no_container') return unknown(result.message);
  if (result.kind === 'hangs') return unknown(`${program} does not end`);
  const { exitCode, output } = result;
  // The shells' and the engine's: not executable, not found; above that, killed by a signal. 255 is nvidia-smi's own.
  if (exitCode === 126 || exitCode === 127) return unknown(`${program} cannot be run in the container`);
  if (exitCode < 0 || NOT_RUN.test(output)) return unknown(lastLine(output) || `${program} was not run`);
  if (exitCode > 128 && exitCode < 255) return unknown(`${program} was killed by signal ${exitCode - 128}`);
  return null;
}

/** Each slice is listed below its GPU, which the container was not given as such. */
function countDevices(output: string, devices: readonly GivenDevice[]): number {
  const lines = output.split('\n');
  const slices = lines.filter(line => SLICE_LINE.test(line)).length;
  const gpus = lines.filter((line, i) => GPU_LINE.test(line) && !SLICE_LINE.test(lines[i + 1] ?? '')).length;
  const givenSlices = devices.filter(({ id }) => isSlice(id)).length;
  const givenGpus = devices.length - givenSlices;
  return Math.min(slices, givenSlices) + Math.min(gpus, givenGpus);
}

function isSlice(id: string): boolean {
  return /^MIG-|=(MIG-|mig)|=\d+:\d+$|\/mig=/.test(id);
}

function isNvidia(devices: readonly GivenDevice[]): boolean {
  return devices.some(({ id }) => id.startsWith('nvidia.com/') || !id.includes('='));
}

function unknown(message: string): Answer {
  return { kind: 'unknown', message };
}

function lastLine(output: string): string {
  const lines = output.split('\n').filter(line => line.trim() !== '');
  return (lines.at(-1) ?? 'it printed nothing').trim().slice(0, 300);
}

/**
 * Of nvidia-smi's exit codes those that speak of the asking, not of the device: bad arguments (2), not supported (3),
 * no permission (4), its library is missing (12) or too old (13), or of another version than the driver (18).
 * https://docs.nvidia.com/deploy/nvidia-smi/
 */
const SAYS_NOTHING: ReadonlySet<number> = new Set([2, 3, 4, 12, 13, 18]);
const SAYS_NOTHING_WORDS = /Insufficient Permissions|Driver\/library version mismatch|couldn't find libnvidia-ml/i;
/** The engine's words for a program that it could not run, where it has no exit code for that. */
const NOT_RUN = /OCI runtime exec failed/i;
/** Below that of DeviceWatch, so that this one says what hung. */
const DEADLINE_MS = 10_000;
const MOST_HANGING = 1_000;
