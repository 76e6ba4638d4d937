import * as client from '../client/control-address.ts';
import { credentialsOf } from '../client/credentials.ts';
import { stateFolder } from '../control-plane/state-folder.ts';
import { type ControlAddress, translated } from './address.ts';
import type { CommonOptions } from './context.ts';
import { ControlClient } from './control-client.ts';

interface Place {
  readonly environment: NodeJS.ProcessEnv;
  readonly cwd: string;
}

/** `--host`, OUTRIGGER_ADDRESS, otherwise the socket in the state folder. */
export function controlAddress(options: CommonOptions, { environment }: Place): ControlAddress {
  const state = options.state === undefined ? {} : { OUTRIGGER_STATE: options.state };
  return translated(() => client.controlAddress({ ...environment, ...state }, options.host));
}

/** True where the address is that of the control plane which `up` may start by itself. */
export function isEmbeddedAddress(options: CommonOptions, place: Place): boolean {
  const address = controlAddress(options, place);
  return address.kind === 'unix' && address.path === stateFolder(place.environment, options.state).socket;
}

/** A client with the credentials that options and environment name. Reads files, opens no connection. */
export async function connect(options: CommonOptions, place: Place): Promise<ControlClient> {
  const credentials = translated(() => credentialsOf(place.environment, { chosen: options, cwd: place.cwd }));
  return new ControlClient(controlAddress(options, place), credentials);
}
