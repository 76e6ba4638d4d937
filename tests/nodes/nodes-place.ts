import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { pino } from 'pino';
import { createSteadyClock } from '../../control-plane/clock.ts';
import type { OutriggerError } from '../../control-plane/core/errors.ts';
import type { EngineSettings } from '../../control-plane/nodes/configured-node.ts';
import type { ClosableEngine, MakeEngineOptions } from '../../control-plane/nodes/engines.ts';
import type { NodeSource, NodesInUse } from '../../control-plane/nodes/node-source.ts';
import { openNodes } from '../../control-plane/nodes/open-nodes.ts';
import { unreachableEngine } from '../../control-plane/nodes/unreachable-engine.ts';
import type { Clock } from '../../control-plane/ports.ts';
import { until } from '../until.ts';

/** A state folder, and the nodes that are read from it; engines are only noted. */
export async function place(t: ExecutionContext) {
  const folder = await mkdtemp(path.join(tmpdir(), 'outrigger-nodes-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const file = path.join(folder, 'nodes.yaml');
  const made: Made[] = [];
  const logged: string[] = [];
  const changes: NodesInUse[] = [];
  const open = async (
    named?: string,
    environment: NodeJS.ProcessEnv = {},
    {
      confirmMs = 1,
      clock = createSteadyClock(),
      signal,
    }: { confirmMs?: number; clock?: Clock; signal?: AbortSignal } = {},
  ): Promise<NodeSource> => {
    const source = await openNodes({
      file: named,
      folder: { nodes: file, nodesInUse: path.join(folder, 'nodes-in-use.json') },
      makeEngine: (name, { settings, ...told }) => {
        const never = unreachableEngine(name, new Error('this engine is only noted') as OutriggerError);
        const entry: Made = {
          name,
          settings,
          ...told,
          closed: false,
          engine: Object.assign(never, { close: () => (entry.closed = true) }) as ClosableEngine,
        };
        made.push(entry);
        return entry.engine;
      },
      environment: { DOCKER_CONFIG: path.join(folder, 'docker'), PATH: process.env['PATH'], ...environment },
      confirmMs,
      ...(signal && { signal }),
      clock,
      log: pino({ base: null }, { write: line => logged.push(line) }),
    });
    t.teardown(() => source.close());
    return source;
  };
  const follow = (source: NodeSource) => source.follow(nodes => changes.push(nodes));
  const changed = (count: number) =>
    until(
      () => `the nodes changed ${count} times, and not ${changes.length}`,
      () => (changes.length >= count ? changes.at(-1) : undefined),
    );
  return { folder, file, made, logged, changes, changed, open, follow };
}

export function namesOf({ members }: NodesInUse): readonly string[] {
  return members.map(m => (m.leaving ? `${m.engine.node}, leaving` : m.engine.node));
}

interface Made {
  readonly name: string;
  readonly settings: EngineSettings;
  readonly claim: MakeEngineOptions['claim'];
  readonly onRepeatedDevices: MakeEngineOptions['onRepeatedDevices'];
  readonly engine: ClosableEngine;
  closed: boolean;
}

/** Two engines, as they say who they are. */
export const OWN = { id: 'ABCD', hostName: 'gpu-1' };
export const OTHER = { id: 'EFGH', hostName: 'gpu-9' };
