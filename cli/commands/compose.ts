import { PROVIDER_OPTIONS } from '../../control-plane/compose/index.ts';
import { OutriggerError, toOutriggerError } from '../../control-plane/core/errors.ts';
import { addressVariables } from '../address-variables.ts';
import { applyOnce, removalCommand } from '../apply-once.ts';
import type { Context, ProjectOptions } from '../context.ts';
import { connectIfRunning, ensureControlPlane } from '../embedded-control-plane.ts';
import { EXIT_CODE, type ExitCode } from '../exit-code.ts';
import { lateLines } from '../late-lines.ts';
import { parseTimeoutMs } from '../parse-values.ts';
import { loadProject, namespaceOf, projectFolders } from '../project.ts';
import { removeServices } from '../remove-services.ts';
import { failureLines } from '../render/failure.ts';
import { PhaseLines } from '../render/phase-lines.ts';
import { requireSameProject } from '../require-same-project.ts';
import { Revival } from '../revival.ts';
import { awaitedOf } from '../rollout-outcome.ts';
import { stillCreated } from '../still-created.ts';
import { usageError } from '../usage-error.ts';
import { waitForRollout } from '../wait-for-rollout.ts';
import { withPlaces } from '../with-places.ts';

/**
 * Outrigger as a provider of `docker compose`: for `provider: {type: outrigger}` Compose runs
 * `outrigger compose --project-name=P up --KEY=VALUE SERVICE`, and `down` alike, and reads JSON lines from stdout. See
 * https://github.com/docker/compose/blob/main/docs/extension.md
 */
export async function compose(context: Context, words: readonly string[]): Promise<ExitCode> {
  try {
    const call = parseCall(words);
    switch (call.command) {
      case 'metadata':
        context.out.json(METADATA);
        return EXIT_CODE.ok;
      case 'up':
        return await provideUp(context, call);
      case 'down':
        return await provideDown(context, call);
      default:
        return call.command satisfies never;
    }
  } catch (thrown) {
    const isInterrupted = !(thrown instanceof OutriggerError) || thrown.cause === context.signal.reason;
    if (context.signal.aborted && isInterrupted) throw context.signal.reason;
    say(context, 'error', explain(toOutriggerError(thrown)));
    return EXIT_CODE.failed;
  }
}

/** What is wrong, each reason, and what to do, as whole sentences: Compose prints it as it is. */
function explain({ message, next, details }: OutriggerError): string {
  const reasons = Array.isArray(details['reasons']) ? details['reasons'].map(reason => `\n  - ${reason}`) : [];
  const advice =
    details['noServiceFile'] === true
      ? "docker compose does not hand its -f on: set provider.options.file to the file's path, or COMPOSE_FILE."
      : next;
  const separator = reasons.length > 0 ? '\n' : ' ';
  return `${sentence(message)}${reasons.join('')}${advice === undefined ? '' : separator + sentence(advice)}`;
}

function sentence(text: string): string {
  const begun = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.:!?]$/.test(begun) ? begun : `${begun}.`;
}

interface Call {
  readonly command: 'up' | 'down' | 'metadata';
  readonly project: ProjectOptions;
  readonly timeoutMs: number | undefined;
  /** Empty with `metadata`. */
  readonly service: string;
}

/**
 * Says nothing: of whatever options a provider describes, Compose hands on only those, and leaves out one that is misspelt
 * without a word. To one that describes none it hands on all, so that what is not known here can be refused.
 */
const METADATA = {};

function parseCall(words: readonly string[]): Call {
  const flags = new Map<string, string[]>();
  const rest: string[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    const flag = /^--([^=]+)(?:=(.*))?$/s.exec(word);
    if (!flag) {
      rest.push(word);
      continue;
    }
    const value = flag[2] ?? words[++i] ?? '';
    flags.set(flag[1]!, [...(flags.get(flag[1]!) ?? []), value]);
  }
  const [command, service = '', ...more] = rest;
  if (command !== 'up' && command !== 'down' && command !== 'metadata') {
    throw usageError(
      command === undefined ? '"outrigger compose" lacks what to do.' : `"outrigger compose ${command}" is not known.`,
      'docker compose calls it with up, down or metadata.',
    );
  }
  if (command !== 'metadata' && (service === '' || more.length > 0)) {
    throw usageError(`"outrigger compose ${command}" takes one service.`);
  }
  const known = ['project-name', ...PROVIDER_OPTIONS.map(o => o.name)];
  // What was never brought up for its options can still be taken down.
  const unknown = command === 'up' ? [...flags.keys()].find(name => !known.includes(name)) : undefined;
  if (unknown !== undefined) {
    throw usageError(
      `The provider has no option "${unknown}".`,
      `It has ${PROVIDER_OPTIONS.map(o => o.name).join(', ')} under provider.options; what the service needs stands under x-outrigger.`,
    );
  }
  const projectName = flags.get('project-name')?.at(-1);
  const file = flags.get('file');
  const envFile = flags.get('env-file');
  const waitTimeout = flags.get('wait-timeout')?.at(-1);
  return {
    command,
    service,
    project: { ...(projectName !== undefined && { projectName }), ...(file && { file }), ...(envFile && { envFile }) },
    timeoutMs: waitTimeout === undefined ? undefined : parseTimeoutMs(waitTimeout),
  };
}

function say(context: Context, type: 'info' | 'error' | 'debug' | 'setenv', message: string): void {
  context.out.json({ type, message });
}

async function provideUp(context: Context, call: Call): Promise<ExitCode> {
  const project = await loadProject(context, call.project, [call.service]);
  if (call.project.file === undefined) await requireSameProject(context, project);
  for (const warning of project.warnings) say(context, 'debug', warning);
  // Compose asks for each service by itself, those that it depends on first.
  const spec = project.services.find(s => s.name === call.service);
  if (!spec) throw usageError(`The service file has no service "${call.service}" for Outrigger.`);
  const hurry = new AbortController();
  context.onSecondInterrupt(() => hurry.abort());
  const applied = await applyOnce(context, {
    namespace: project.namespace,
    specs: [spec],
    origin: `docker compose, ${project.origin}`,
    bindFolders: projectFolders(context, call.project),
    hurry: hurry.signal,
  }).catch(async error => {
    throw await withPlaces(error, project);
  });
  const { client, known, results } = applied;
  const [result] = results;
  for (const warning of result?.warnings ?? []) say(context, 'debug', warning);
  const revival = new Revival(context, applied);
  const isLeaving = result?.outcome === 'created';
  const remove = async () => {
    await revival.settled();
    const signal = AbortSignal.any([hurry.signal, AbortSignal.timeout(REMOVAL_MS)]);
    await ensureControlPlane({ ...context, signal });
    // Compose shows a provider's stderr as it is.
    const names = await stillCreated(context, applied, signal);
    const own = { namespace: project.namespace, names, volumes: false, askedBy: applied.requestId };
    if (names.length > 0) await client.remove(own, signal);
  };
  const phases = new PhaseLines(Date.now());
  phases.skip(known);
  const outcome = await waitForRollout({
    client,
    namespace: project.namespace,
    awaited: results.map(r => awaitedOf(r, known)),
    signal: AbortSignal.any([context.signal, revival.failed]),
    ...(call.timeoutMs !== undefined && { timeoutMs: call.timeoutMs }),
    onUpdate: services => {
      for (const line of phases.next(services, Date.now())) say(context, 'info', withoutName(line, call.service));
    },
    onLost: error => say(context, 'info', revival.begin(error)),
  }).catch(async error => {
    // Compose kills a provider at its own Ctrl-C; where there is time, what was begun is taken back.
    if (isLeaving) {
      await remove().catch(cause => {
        const left = stays(call.service, project.namespace, cause);
        throw context.signal.aborted ? left : both(toOutriggerError(error), left);
      });
    }
    throw error;
  });
  if (outcome.kind !== 'ready') {
    const lines =
      outcome.kind === 'failed'
        ? outcome.failures.flatMap(failure => failureLines(failure, project.namespace, 'docker compose up'))
        : await lateLines(context, client, { services: outcome.services, isLeaving });
    // Compose reads no further than the first error, and goes: so all is said in one, after the removal.
    const left = isLeaving ? await failureOf(remove(), cause => stays(call.service, project.namespace, cause)) : null;
    if (left !== null) lines.push(explain(left));
    say(context, 'error', lines.join('\n'));
    return EXIT_CODE.failed;
  }
  for (const service of outcome.services) {
    for (const variable of addressVariables(service, spec.networks[0]?.aliases ?? [])) say(context, 'setenv', variable);
  }
  return EXIT_CODE.ok;
}

const REMOVAL_MS = 30_000;

function stays(service: string, namespace: string, thrown: unknown): OutriggerError {
  const cause = toOutriggerError(thrown);
  return new OutriggerError(cause.code, `${service} could not be removed again: ${cause.message}`, {
    next: `"docker compose down" removes it once the control plane answers, and so does "${removalCommand(namespace, [service])}".`,
    details: cause.details,
    cause,
  });
}

async function failureOf(work: Promise<void>, explained: (thrown: unknown) => OutriggerError) {
  return await work.then(() => null, explained);
}

/** Why it was to be removed, and then why that could not be. */
function both(first: OutriggerError, second: OutriggerError): OutriggerError {
  return new OutriggerError(first.code, explain(first), {
    next: explain(second),
    cause: first,
  });
}

/** Compose shows the service's name before each line itself. */
function withoutName(line: string, service: string): string {
  return line.startsWith(`${service} `) ? line.slice(service.length + 1) : line;
}

async function provideDown(context: Context, call: Call): Promise<ExitCode> {
  const namespace = await namespaceOf(context, call.project);
  const client = await connectIfRunning(context);
  const running = client === null ? [] : await client.services(namespace, context.signal);
  if (client === null || !running.some(s => s.name === call.service)) {
    say(context, 'info', `${call.service} does not run`);
    return EXIT_CODE.ok;
  }
  const phases = new PhaseLines(Date.now());
  phases.skip(running);
  // `wait-timeout`, which Compose hands to `down` as well, is for getting ready: drain and grace have limits of their own.
  const { result } = await removeServices(
    { client, namespace, names: [call.service], volumes: false },
    {
      signal: context.signal,
      revive: () => ensureControlPlane(context),
      onUpdate: services => {
        for (const line of phases.next(services, Date.now())) say(context, 'info', withoutName(line, call.service));
      },
    },
  );
  if (result.kind === 'gone') return EXIT_CODE.ok;
  // Compose reads no further than the first error.
  say(context, 'error', [`${call.service} is still on its way out`, ...result.reasons].join('\n'));
  return EXIT_CODE.failed;
}
