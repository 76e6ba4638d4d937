import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { type ListenAddress, parseListenAddress } from '../../control-plane/api/listen-address.ts';
import { OutriggerError } from '../../control-plane/core/errors.ts';
import { runControlPlane } from '../../control-plane/main.ts';
import type { CommonOptions, Context } from '../context.ts';
import { usageError } from '../usage-error.ts';

export interface ServeOptions extends CommonOptions {
  listen?: string[];
  name?: string[];
  registry?: 'embedded' | 'consul';
  consulAddress?: string;
  consulTokenFile?: string;
  advertise?: 'network' | 'published';
  publishOn?: string;
  admission?: string;
  allowBind?: string[];
  exitWhenIdle?: boolean;
  logLevel?: string;
  tokens?: string;
}

/** Runs the control plane until it is told to end, or nothing is left to run with --exit-when-idle. */
export async function serve(context: Context, options: ServeOptions): Promise<void> {
  const at = (file: string) => path.resolve(context.cwd, file);
  const listen = await listenAddresses(options, at);
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
      ...(options.admission !== undefined && { admission: at(options.admission) }),
      ...(options.allowBind !== undefined && { allowBind: options.allowBind.map(at) }),
      ...(options.tokens !== undefined && { tokens: at(options.tokens) }),
      ...(options.exitWhenIdle !== undefined && { exitWhenIdle: options.exitWhenIdle }),
      ...(options.logLevel !== undefined && { logLevel: options.logLevel }),
    },
    context.signal,
  );
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
