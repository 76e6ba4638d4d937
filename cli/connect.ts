import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { OutriggerError } from '../control-plane/core/errors.ts';
import { stateFolder } from '../control-plane/state-folder.ts';
import { type ControlAddress, parseAddress } from './address.ts';
import type { CommonOptions } from './context.ts';
import { ControlClient } from './control-client.ts';
import type { Credentials } from './http-exchange.ts';

interface Place {
  readonly environment: NodeJS.ProcessEnv;
  readonly cwd: string;
}

/** `--host`, OUTRIGGER_ADDRESS, otherwise the socket in the state folder. */
export function controlAddress(options: CommonOptions, { environment }: Place): ControlAddress {
  const chosen = options.host ?? environment['OUTRIGGER_ADDRESS'];
  return chosen === undefined || chosen === ''
    ? { kind: 'unix', path: stateFolder(environment, options.state).socket }
    : parseAddress(chosen);
}

/** True where the address is that of the control plane which `up` may start by itself. */
export function isEmbeddedAddress(options: CommonOptions, place: Place): boolean {
  const address = controlAddress(options, place);
  return address.kind === 'unix' && address.path === stateFolder(place.environment, options.state).socket;
}

/** A client with the credentials that options and environment name. Reads files, opens no connection. */
export async function connect(options: CommonOptions, place: Place): Promise<ControlClient> {
  return new ControlClient(controlAddress(options, place), await credentials(options, place));
}

async function credentials(options: CommonOptions, { environment, cwd }: Place): Promise<Credentials> {
  const read = async (what: string, file: string | undefined) => {
    if (file === undefined || file === '') return undefined;
    const absolute = path.resolve(cwd, file);
    return await readFile(absolute, 'utf8').catch((cause: NodeJS.ErrnoException) => {
      throw new OutriggerError('invalid_argument', `The ${what} ${absolute} cannot be read (${cause.code}).`, {
        next: 'Check the path and its permissions.',
        cause,
      });
    });
  };
  const tokenFromFile = await read('token file', options.tokenFile ?? environment['OUTRIGGER_TOKEN_FILE']);
  const token = (tokenFromFile ?? environment['OUTRIGGER_TOKEN'])?.trim();
  const ca = await read('CA file', options.tlsCa ?? environment['OUTRIGGER_TLS_CA']);
  const certificate = await read('certificate', options.tlsCert ?? environment['OUTRIGGER_TLS_CERT']);
  const key = await read('key', options.tlsKey ?? environment['OUTRIGGER_TLS_KEY']);
  return {
    ...(token && { token }),
    ...(ca !== undefined && { ca }),
    ...(certificate !== undefined && { certificate }),
    ...(key !== undefined && { key }),
  };
}
