import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { type ListenAddress, parseListenAddress } from '../../control-plane/api/listen-address.ts';
import { OutriggerError } from '../../control-plane/core/errors.ts';
import { runControlPlane } from '../../control-plane/main.ts';
import type { CommonOptions, Context, ProjectOptions } from '../context.ts';
import { nodesFileAt } from '../nodes-file.ts';
import { loadProject } from '../project.ts';
import { requireSomeService } from '../require-some-service.ts';
import { ServedProject } from '../served-project.ts';
import { usageError } from '../usage-error.ts';

export interface ServeOptions extends CommonOptions, ProjectOptions {
  listen?: string[];
  name?: string[];
  registry?: 'embedded' | 'consul';
  consulAddress?: string;
  consulTokenFile?: string;
  advertise?: 'network' | 'published';
  publishOn?: string;
  nodes?: string;
  admission?: string;
  allowBind?: string[];
  exitWhenIdle?: boolean;
  logLevel?: string;
  tokens?: string;
  /** With a service file: drain and remove its services before the control plane itself ends. */
  downOnExit?: boolean;
}

/**
 * Runs the control plane until it is told to end, or nothing is left to run with --exit-when-idle. With a service file,
 * it brings up the file's services first: that is how it is a service of a Compose deployment itself.
 */
export async function serve(context: Context, names: readonly string[], options: ServeOptions): Promise<void> {
  const at = (file: string) => path.resolve(context.cwd, file);
  const listen = await listenAddresses(options, at);
  if (options.file === undefined && (names.length > 0 || options.downOnExit)) {
    throw usageError('Services and --down-on-exit go with a service file.', 'Give it with --file.');
  }
  // A broken file is told before anything runs.
  const project = options.file === undefined ? null : await loadProject(context, options, names);
  if (project !== null) requireSomeService(project);
  await using companion = new ServedProject(context, project, options.downOnExit ?? false);
  await runControlPlane(
    {
      environment: context.environment,
      listen,
      ...(options.state !== undefined && { state: at(options.state) }),
      ...(options.registry !== undefined && { registry: options.registry }),
      consul: {
        ...(options.consulAddress !== undefined && { address: options.consulAddress }),
        ...(options.consulTokenFile !== undefined && { tokenFile: at(options.consulTokenFile) }),
      },
      ...(options.advertise !== undefined && { advertise: options.advertise }),
      ...(options.publishOn !== undefined && { publishOn: options.publishOn }),
      ...(options.nodes !== undefined && { nodes: nodesFileAt(context.cwd, options.nodes) }),
      // In a terminal a hangup means that the terminal is gone, and what runs in it goes along.
      ...(!process.stdout.isTTY && { onRereadable: context.onHangup }),
      ...(options.admission !== undefined && { admission: at(options.admission) }),
      ...(options.allowBind !== undefined && { allowBind: options.allowBind.map(at) }),
      ...(options.tokens !== undefined && { tokens: at(options.tokens) }),
      ...(options.exitWhenIdle !== undefined && { exitWhenIdle: options.exitWhenIdle }),
      ...(options.logLevel !== undefined && { logLevel: options.logLevel }),
      onListening: () => companion.bringUp(),
    },
    companion.ending,
  );
  companion.throwIfFailed();
}

async function listenAddresses(options: ServeOptions, at: (file: string) => string): Promise<ListenAddress[]> {
  const { listen = [], name: names = [], tlsCert, tlsKey, tlsCa } = options;
  if ((tlsCert === undefined) !== (tlsKey === undefined)) {
    throw usageError('A certificate and its key belong together.', 'Give both --tls-cert and --tls-key.');
  }
  if (tlsCert !== undefined && listen.length === 0) {
    throw usageError('--tls-cert is for TCP addresses.', 'Give one with --listen 0.0.0.0:7470.');
  }
  const tls =
    tlsCert === undefined || tlsKey === undefined
      ? undefined
      : {
          certificate: await readPem(at(tlsCert)),
          key: await readPem(at(tlsKey)),
          ...(tlsCa !== undefined && { clientAuthority: await readPem(at(tlsCa)) }),
          files: [tlsCert, tlsKey, ...(tlsCa === undefined ? [] : [tlsCa])].map(at),
        };
  return listen.map(parseListenAddress).map(address => {
    if (address.kind === 'unix') return address;
    return { ...address, ...(names.length > 0 && { names }), ...(tls && { tls }) };
  });
}

async function readPem(file: string): Promise<string> {
  return await readFile(file, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new OutriggerError('invalid_argument', `${file} cannot be read (${cause.code}).`, {
      next: 'Check the path and its permissions.',
      cause,
    });
  });
}
