import type { Agent } from 'node:http';
import https from 'node:https';
import { inspect } from 'node:util';
import { http } from '../../node-http.ts';
import { type DockerConnection, describeConnection } from './connection.ts';
import type { DialGate } from './dial-gate.ts';
import { SshDialer } from './ssh-dialer.ts';

export interface Agents {
  /** For calls that answer at once. */
  readonly calls: Agent;
  /** For what may stay open for long. */
  readonly streams: Agent;
}

/**
 * The connections to an engine, kept and bounded in number. docker-modem writes the options of every request, the agent
 * with all its sockets and timers included, into a text for its debug log, whether that is on or not. That was half of
 * the control plane's CPU time; with a short text of its own an agent costs nothing there.
 * @param gate for connections over ssh: shared with the other engines
 */
export function makeAgents(connection: DockerConnection, gate?: DialGate): Agents {
  const make = agentMaker(connection, gate);
  const limits = connection.kind === 'ssh' ? MOST_PROCESSES : MOST_SOCKETS;
  const agents = { calls: make(limits.calls), streams: make(limits.streams) };
  for (const agent of Object.values(agents)) {
    Object.defineProperty(agent, inspect.custom, { value: () => `Agent of ${describeConnection(connection)}` });
  }
  return agents;
}

const MOST_SOCKETS = { calls: 32, streams: 1_024 };
/** Each is a process here, and one there. */
const MOST_PROCESSES = { calls: 8, streams: 64 };

function agentMaker(connection: DockerConnection, gate: DialGate | undefined): (maxSockets: number) => Agent {
  const common = { keepAlive: true, keepAliveMsecs: 10_000, maxFreeSockets: 16 };
  if (connection.kind === 'ssh') {
    const dialer = new SshDialer(connection, gate);
    return maxSockets =>
      Object.assign(new http.Agent({ ...common, maxSockets }), { createConnection: () => dialer.dial() });
  }
  if (connection.kind === 'unix' || !connection.tls) return maxSockets => new http.Agent({ ...common, maxSockets });
  const { ca, cert, key, skipVerify } = connection.tls;
  return maxSockets =>
    new https.Agent({
      ...common,
      maxSockets,
      rejectUnauthorized: !skipVerify,
      ...(ca && { ca }),
      ...(cert && { cert }),
      ...(key && { key }),
    });
}
