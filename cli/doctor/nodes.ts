import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { chooseFile } from '../../control-plane/nodes/choose-file.ts';
import { type EngineIdentity, oneEngine } from '../../control-plane/nodes/engine-claims.ts';
import { NO_NODES_FILE } from '../../control-plane/nodes/no-nodes-file.ts';
import type { NodeEntry } from '../../control-plane/nodes/nodes-file.ts';
import { NodesNote } from '../../control-plane/nodes/nodes-note.ts';
import type { StateFolder } from '../../control-plane/state-folder.ts';
import type { StatusView } from '../../control-plane/views/views.ts';
import { isEmbeddedAddress } from '../connect.ts';
import type { Context } from '../context.ts';
import { type Finding, failure, runCheck } from './check.ts';
import { checkEngine } from './docker.ts';

/** The nodes file that a control plane started here would use, or the one that runs uses; null where it is none. */
export async function nodesFileOf(
  context: Context,
  { named, state, status }: { named: string | undefined; state: StateFolder; status: StatusView | null },
): Promise<string | null> {
  const file = named ?? (context.environment['OUTRIGGER_NODES'] || undefined);
  if (file === NO_NODES_FILE) return null;
  if (file !== undefined) return path.resolve(context.cwd, file);
  if (status !== null && isEmbeddedAddress(context.options, context)) return status.nodesFile ?? null;
  const note = await NodesNote.open(state.nodesInUse);
  return chooseFile(undefined, state.nodes, note)?.path ?? null;
}

/** The nodes file, and each node that it has: reached, new enough, its GPUs, its clock. */
export async function checkNodes(
  file: string,
  environment: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const [{ readNodesFile }, { formatLocated }] = await Promise.all([
    import('../../control-plane/nodes/read-nodes-file.ts'),
    import('../../control-plane/compose/index.ts'),
  ]);
  const name = 'nodes file';
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => error);
  if (text instanceof Error) {
    const message = text.code === 'ENOENT' ? `${file} does not exist` : `${file} cannot be read (${text.message})`;
    return [{ name, status: 'fail', message, next: 'Check its path and its permissions.' }];
  }
  const reading = readNodesFile(file, text);
  if (reading.kind === 'refused') {
    return reading.problems.map(problem => ({
      name,
      status: 'fail' as const,
      message: formatLocated(problem),
      next: 'docs/nodes.md says what may stand there.',
    }));
  }
  const entries = Object.entries(reading.content.nodes);
  const count = entries.length === 1 ? '1 node' : `${entries.length} nodes`;
  const surroundings = { folder: path.dirname(file), environment };
  const identities = new Map<string, EngineIdentity>();
  return [
    { name, status: 'ok', message: `${file} names ${count}` },
    ...reading.warnings.map(warning => ({
      name,
      status: 'warn' as const,
      message: formatLocated(warning),
      next: adviceFor(warning.keyPath),
    })),
    ...(
      await Promise.all(
        entries.map(([node, entry]) => {
          const onIdentity = (identity: EngineIdentity) => identities.set(node, identity);
          return runCheck(
            `node ${node}`,
            s => checkNode(node, entry, { ...surroundings, onIdentity, signal: s }),
            signal,
          );
        }),
      )
    ).flat(),
    ...repeatedEngines(
      entries.map(([node]) => node),
      identities,
    ),
  ];
}

/** What to do about something that is allowed and hardly meant. */
function adviceFor(keyPath: readonly (string | number)[]): string {
  switch (keyPath.at(-1)) {
    case 'skip_verify':
      return 'Name the authority that signed its certificate as tls.ca.';
    case 'engine':
      return 'Give it tls, or reach it by ssh://.';
    case 'memory':
      return 'Write the unit, as in 2g or 80GiB.';
    default:
      return 'docs/nodes.md says what may stand there.';
  }
}

/** As a control plane refuses them: the first name in the file has the engine, whichever ways lead there. */
function repeatedEngines(names: readonly string[], identities: ReadonlyMap<string, EngineIdentity>): Finding[] {
  const first = new Map<string, string>();
  return names.flatMap((node): Finding[] => {
    const identity = identities.get(node);
    if (!identity) return [];
    const key = `${identity.id} ${identity.hostName}`;
    const holder = first.get(key);
    if (holder === undefined) {
      first.set(key, node);
      return [];
    }
    return [failure(`node ${node}`, oneEngine(node, holder, identity.hostName))];
  });
}

async function checkNode(
  name: string,
  entry: NodeEntry,
  {
    folder,
    environment,
    onIdentity,
    signal,
  }: {
    folder: string;
    environment: NodeJS.ProcessEnv;
    onIdentity: (identity: EngineIdentity) => void;
    signal: AbortSignal;
  },
): Promise<readonly Finding[]> {
  const { connectNode } = await import('../../control-plane/nodes/connect-node.ts');
  const { formatKeyPath } = await import('../../control-plane/compose/index.ts');
  const label = `node ${name}`;
  const connected = await connectNode(name, entry, { folder, environment });
  if (connected.kind === 'failed') {
    const { keyPath, message } = connected.problem;
    const next = 'Mend that entry of the nodes file, or what it names.';
    return [{ name: label, status: 'fail', message: `${formatKeyPath(keyPath)}: ${message}`, next }];
  }
  const { devices, gpu_probe_image: gpuProbeImage } = entry;
  const { statedDevice } = await import('../../control-plane/nodes/configure-node.ts');
  return checkEngine(connected.connection, signal, {
    names: { node: name, engine: label, gpu: `${label} gpu`, clock: `${label} clock`, disk: `${label} disk` },
    next: {
      notRunning: `Start Docker there (systemctl start docker), or mend nodes.${name} in the nodes file.`,
      otherwise: 'See that the machine is up and its engine answers; the other nodes go on without it.',
    },
    environment,
    onIdentity,
    devices: {
      ...(devices && { stated: devices.map(statedDevice) }),
      ...(gpuProbeImage !== undefined && { gpuProbeImage }),
    },
  });
}
