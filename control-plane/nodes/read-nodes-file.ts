import { isIP } from 'node:net';
import path from 'node:path';
import { isMap, isScalar, isSeq, parse } from 'yaml';
import { explainIssues } from '../compose/explain-issues.ts';
import { Findings } from '../compose/findings.ts';
import { knownKeysOf } from '../compose/known-keys.ts';
import type { Located } from '../compose/problem.ts';
import { showValue } from '../compose/show-value.ts';
import { parseSource, type SourceFile } from '../compose/source-file.ts';
import { Sources } from '../compose/sources.ts';
import { deviceKind } from '../core/node.ts';
import { describeConnection, parseEngineAddress } from '../engine/docker/connection.ts';
import { shownAddress } from '../engine/docker/shown-address.ts';
import { statedDevice } from './configure-node.ts';
import { type NodeEntry, type NodesFile, nodesFile, nodesJsonSchema } from './nodes-file.ts';
import { textExcess } from './text-excess.ts';

export type NodesFileReading =
  | {
      readonly kind: 'read';
      readonly content: NodesFile;
      readonly warnings: readonly Located[];
      /** Where things stand in the text, for what turns out to be wrong later. */
      readonly sources: Sources;
    }
  | { readonly kind: 'refused'; readonly problems: readonly Located[] };

/** The text of a nodes file, YAML or JSON, as nodes; or what is wrong with it, each with its place. Pure. */
export function readNodesFile(file: string, text: string): NodesFileReading {
  const excess = textExcess(text);
  if (excess !== null) return refused(file, excess);
  const source = parseSource(file, text);
  const sources = new Sources([source], new Map());
  const unreadable = syntaxProblems(sources, source);
  if (unreadable.length > 0) return { kind: 'refused', problems: unreadable };

  const findings = new Findings();
  let input: unknown;
  try {
    input = parse(text, { merge: true, uniqueKeys: false, logLevel: 'silent' });
  } catch (error) {
    // An alias without its anchor, or a merge of something that is no mapping.
    return refused(file, (error as Error).message);
  }
  const parsed = nodesFile.safeParse(input);
  if (parsed.success) {
    for (const [name, entry] of Object.entries(parsed.data.nodes)) checkNode(name, entry, findings);
    checkEngines(parsed.data, findings);
  } else {
    for (const whole of parsed.error.issues.slice(0, MOST_PROBLEMS + 1)) {
      const issue =
        whole.code === 'unrecognized_keys' ? { ...whole, keys: whole.keys.slice(0, MOST_PROBLEMS + 1) } : whole;
      if (issue.code === 'invalid_key') {
        const at = issue.path.map(part => (typeof part === 'symbol' ? String(part) : part));
        findings.error(at, `${issue.issues[0]?.message ?? issue.message}, found ${showValue(at.at(-1))}`);
        continue;
      }
      for (const { keyPath, message, suggestion } of explainIssues([issue], { input, base: [], knownKeys })) {
        findings.error(keyPath, message, suggestion);
      }
    }
  }
  const errors = findings.errors.slice(0, MOST_PROBLEMS + 1).map(p => sources.locate(p));
  const problems: Located[] = [...badKeys(sources, source), ...errors];
  if (problems.length > MOST_PROBLEMS) {
    const message = `there is more; only the first ${MOST_PROBLEMS} mistakes are shown`;
    problems.splice(MOST_PROBLEMS, problems.length, { file, keyPath: [], message });
  }
  if (problems.length > 0 || !parsed.success) return { kind: 'refused', problems };
  return { kind: 'read', content: parsed.data, warnings: findings.warnings.map(p => sources.locate(p)), sources };
}

/** What a person mends before looking again. */
const MOST_PROBLEMS = 50;

const knownKeys = knownKeysOf(nodesJsonSchema);

function refused(file: string, message: string): NodesFileReading {
  return { kind: 'refused', problems: [{ file, keyPath: [], message }] };
}

function syntaxProblems(sources: Sources, source: SourceFile): readonly Located[] {
  const { file, excess, roots, syntaxErrors } = source;
  switch (excess) {
    case 'depth':
      return [{ file, keyPath: [], message: 'expected values in at most 100 levels' }];
    case 'aliases':
      return [{ file, keyPath: [], message: 'its aliases stand for more than 100000 values' }];
    case undefined:
      break;
    default:
      return excess satisfies never;
  }
  const second = roots[1];
  return [
    // The rest mostly follows from the first.
    ...syntaxErrors
      .slice(0, 1)
      .map(({ message, offset }) => ({ ...sources.position(source, offset), keyPath: [], message })),
    ...(second === undefined
      ? []
      : [
          {
            ...sources.position(source, second.range?.[0] ?? 0),
            keyPath: [],
            message: 'expected one document, found another one behind "---"',
          },
        ]),
  ];
}

/** What the YAML parser would let the last one win for, two nodes of one name above all; and what no object can be asked for. */
function badKeys(sources: Sources, source: SourceFile): readonly Located[] {
  const problems: Located[] = [];
  function visit(node: unknown, keyPath: readonly (string | number)[]): void {
    if (isSeq(node)) for (const [index, item] of node.items.entries()) visit(item, [...keyPath, index]);
    if (!isMap(node)) return;
    const first = new Map<string, number>();
    for (const { key, value } of node.items) {
      if (problems.length > MOST_PROBLEMS) return;
      const name = isScalar(key) ? String(key.value) : '';
      const offset = isScalar(key) ? (key.range?.[0] ?? 0) : 0;
      const before = first.get(name);
      if (name === '__proto__') {
        const message = 'expected another name: this one means something to JavaScript and would be lost';
        problems.push({ ...sources.position(source, offset), keyPath: [...keyPath, name], message });
      } else if (before !== undefined && name !== '<<') {
        const { line } = sources.position(source, before);
        const what = keyPath.length === 1 && keyPath[0] === 'nodes' ? `the node "${name}"` : `"${name}"`;
        const message = `${what} stands here a second time, first in line ${line}`;
        problems.push({ ...sources.position(source, offset), keyPath: [...keyPath, name], message });
      } else first.set(name, offset);
      visit(value, [...keyPath, name]);
    }
  }
  for (const root of source.roots) visit(root, []);
  return problems;
}

function checkNode(name: string, entry: NodeEntry, findings: Findings): void {
  const at = ['nodes', name];
  if ((entry.engine === undefined) === (entry.context === undefined)) {
    const found = entry.engine === undefined ? 'neither' : 'both';
    findings.error(at, `expected either "engine" or "context", found ${found}`);
  }
  if (entry.engine !== undefined) checkAddress(name, entry, entry.engine, findings);
  if (entry.context !== undefined && entry.tls) {
    findings.error([...at, 'tls'], 'has no effect here: a Docker context has its own certificates');
  }
  const { tls, publish_on: publishOn, devices = [] } = entry;
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
}

function checkAddress(name: string, { tls }: NodeEntry, engine: string, findings: Findings): void {
  const at = ['nodes', name, 'engine'];
  const scheme = /^(\w+):\/\//.exec(engine)?.[1];
  if (scheme === undefined || !['unix', 'tcp', 'ssh'].includes(scheme)) {
    findings.error(
      at,
      `expected unix://PATH, tcp://HOST:PORT or ssh://USER@HOST, found ${showValue(shownAddress(engine))}`,
    );
    return;
  }
  try {
    const connection = parseEngineAddress(engine, { from: 'it', tls: tls && { skipVerify: false } });
    if (connection.kind === 'unix' && !path.isAbsolute(connection.socketPath)) {
      findings.error(at, `expected unix:///PATH with three slashes, found ${showValue(engine)}`);
    }
    if (connection.kind !== 'tcp') {
      if (tls) findings.error(['nodes', name, 'tls'], 'has no effect here: only tcp:// takes certificates');
    } else if (!tls && !isLoopback(connection.host)) {
      findings.warn(at, 'has no tls: whoever reaches that port controls the machine behind it');
    }
  } catch (error) {
    findings.error(at, (error as Error).message);
  }
}

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

/** Two names for one engine would show each container twice. What is written alike is found here, the rest when it answers. */
function checkEngines({ nodes }: NodesFile, findings: Findings): void {
  const first = new Map<string, string>();
  for (const [name, { engine, context }] of Object.entries(nodes)) {
    const place = engine === undefined ? `context ${context}` : normal(engine);
    const before = first.get(place);
    if (before === undefined) first.set(place, name);
    else {
      const key = engine === undefined ? 'context' : 'engine';
      findings.error(
        ['nodes', name, key],
        `is the engine of the node "${before}" already; a node has an engine of its own`,
      );
    }
  }
}

function normal(engine: string): string {
  try {
    return describeConnection(parseEngineAddress(engine, { from: 'it' }));
  } catch {
    return engine;
  }
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}
