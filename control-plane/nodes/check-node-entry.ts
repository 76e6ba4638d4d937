import { isIP } from 'node:net';
import path from 'node:path';
import { deviceKind } from '../core/node.ts';
import { describeConnection, parseEngineAddress } from '../engine/docker/connection.ts';
import { shownAddress } from '../engine/docker/shown-address.ts';
import type { Findings } from '../written-files/findings.ts';
import { showValue } from '../written-files/show-value.ts';
import { statedDevice } from './configure-node.ts';
import type { NodeEntry } from './nodes-file.ts';

/**
 * What the schema does not say of an entry of the nodes file. Returns the way to the engine, in the one form that each has;
 * null: none is known.
 * @param given isWhole: nothing was left out of the entry for being wrong by the schema
 */
export function checkNodeEntry(
  name: string,
  entry: NodeEntry,
  { isWhole, findings }: { isWhole: boolean; findings: Findings },
): string | null {
  const at = ['nodes', name];
  const { tls, publish_on: publishOn, devices = [] } = entry;
  const hasNone = entry.engine === undefined && entry.context === undefined;
  if ((entry.engine === undefined) === (entry.context === undefined) && (isWhole || !hasNone)) {
    const found = entry.engine === undefined ? 'neither' : 'both';
    findings.error(at, `expected either "engine" or "context", found ${found}`);
  }
  if (entry.context !== undefined && entry.tls) {
    findings.error([...at, 'tls'], 'has no effect here: a Docker context has its own certificates');
  }
  if (tls && (tls.cert === undefined) !== (tls.key === undefined)) {
    findings.error([...at, 'tls'], 'expected "cert" and "key" together');
  }
  if (tls?.skip_verify && tls.ca !== undefined) {
    findings.error([...at, 'tls', 'skip_verify'], 'expected either "ca" or "skip_verify: true"');
  } else if (tls?.skip_verify) {
    findings.warn([...at, 'tls', 'skip_verify'], 'trusts whatever answers there with the containers of this node');
  }
  if (publishOn !== undefined && isIP(publishOn) === 0) {
    findings.error([...at, 'publish_on'], `expected an IP address, found ${showValue(publishOn)}`);
  }
  checkDevices(name, devices, findings);
  checkSizes(name, entry, findings);
  if (entry.engine !== undefined) return checkAddress(name, entry, entry.engine, findings);
  return entry.context === undefined ? null : `context ${entry.context}`;
}

/** Null: it cannot be told where it leads. */
function checkAddress(name: string, { tls }: NodeEntry, engine: string, findings: Findings): string | null {
  const at = ['nodes', name, 'engine'];
  const scheme = /^(\w+):\/\//.exec(engine)?.[1];
  if (scheme === undefined || !['unix', 'tcp', 'ssh'].includes(scheme)) {
    findings.error(
      at,
      `expected unix://PATH, tcp://HOST:PORT or ssh://USER@HOST, found ${showValue(shownAddress(engine))}`,
    );
    return null;
  }
  try {
    const connection = parseEngineAddress(engine, { from: 'it', tls: tls && { skipVerify: false } });
    if (connection.kind === 'unix' && !path.isAbsolute(connection.socketPath)) {
      findings.error(at, `expected unix:///PATH with three slashes, found ${showValue(engine)}`);
      return null;
    }
    if (connection.kind === 'tcp' && !/:\d+\/?$/.test(engine)) {
      findings.error(at, `expected tcp://HOST:PORT, found ${showValue(engine)}`);
      return null;
    }
    if (connection.kind !== 'tcp') {
      if (tls) findings.error(['nodes', name, 'tls'], 'has no effect here: only tcp:// takes certificates');
    } else if (!tls && !isLoopback(connection.host)) {
      findings.warn(at, 'has no tls: whoever reaches that port controls the machine behind it');
    }
    return describeConnection(connection);
  } catch (error) {
    findings.error(at, (error as Error).message);
    return null;
  }
}

/** A number without a unit is bytes, which nobody means who writes 192. */
function checkSizes(name: string, { reserved, devices = [] }: NodeEntry, findings: Findings): void {
  const warn = (at: readonly (string | number)[], bytes: number | undefined, example: string) => {
    if (bytes === undefined || bytes === 0 || bytes >= LEAST_MEMORY_BYTES) return;
    findings.warn(['nodes', name, ...at], `is ${bytes} bytes; a unit may be missing, as in ${example}`);
  };
  warn(['reserved', 'memory'], reserved.memory, '2g');
  for (const [index, { memory }] of devices.entries()) warn(['devices', index, 'memory'], memory, '80GiB');
}

const LEAST_MEMORY_BYTES = 32 * 1024 ** 2;

/** Devices that one name, number or UUID would mean twice: each would be given to somebody of its own. */
function checkDevices(name: string, devices: NonNullable<NodeEntry['devices']>, findings: Findings): void {
  const first = new Map<string, number>();
  for (const [index, device] of devices.entries()) {
    const at = ['nodes', name, 'devices', index];
    if (device.id.endsWith('=all')) {
      findings.error(
        [...at, 'id'],
        `expected the name of one device, found ${showValue(device.id)}, which is all of them`,
      );
      continue;
    }
    for (const [key, shown, meant] of namesOf(device)) {
      const before = first.get(meant);
      if (before === undefined) first.set(meant, index);
      else if (before !== index) {
        const message = `the device ${showValue(shown)} is stated a second time, first as devices[${before}]`;
        findings.error([...at, key], message);
        break;
      }
    }
  }
}

/** What a device may be called by, as `isCalled` has it: the key that says so, its value, and what that means on the whole node. */
function namesOf(stated: NonNullable<NodeEntry['devices']>[number]): readonly (readonly [string, string, string])[] {
  const { id, index, uuid } = statedDevice(stated);
  // Slices are numbered alike in the two kinds that name them.
  const kind = index?.includes(':') ? id.split('/')[0] : deviceKind({ id });
  return [
    ['id', id, id],
    ...(uuid === undefined ? [] : [[stated.uuid === undefined ? 'id' : 'uuid', uuid, `uuid ${uuid}`] as const]),
    ...(index === undefined ? [] : [[stated.index === undefined ? 'id' : 'index', index, `${kind} ${index}`] as const]),
  ];
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}
