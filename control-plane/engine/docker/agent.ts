import type { Agent } from 'node:http';
import https from 'node:https';
import { inspect } from 'node:util';
import { http } from '../../node-http.ts';
import { type DockerConnection, describeConnection } from './connection.ts';

/**
 * The connections to an engine, kept and bounded in number. docker-modem writes the options of every request, the agent
 * with all its sockets and timers included, into a text for its debug log, whether that is on or not. That was half of
 * the control plane's CPU time; with a short text of its own an agent costs nothing there.
 */
export function makeAgent(connection: DockerConnection, maxSockets: number): Agent {
  const agent = plainAgent(connection, maxSockets);
  Object.defineProperty(agent, inspect.custom, { value: () => `Agent of ${describeConnection(connection)}` });
  return agent;
}

function plainAgent(connection: DockerConnection, maxSockets: number): Agent {
  const options = { keepAlive: true, keepAliveMsecs: 10_000, maxSockets, maxFreeSockets: 16 };
  if (connection.kind === 'unix' || !connection.tls) return new http.Agent(options);
  const { ca, cert, key, skipVerify } = connection.tls;
  return new https.Agent({
    ...options,
    rejectUnauthorized: !skipVerify,
    ...(ca && { ca }),
    ...(cert && { cert }),
    ...(key && { key }),
  });
}
