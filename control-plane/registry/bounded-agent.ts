import { Agent as HttpsAgent, type AgentOptions as HttpsAgentOptions } from 'node:https';
import type { Socket } from 'node:net';
import { http } from '../node-http.ts';

/**
 * A keep-alive agent for Node's http client whose answers have a greatest length: a peer that never stops sending is cut
 * off. The npm client of Consul collects a whole answer in memory before it looks at it.
 */
export function boundedAgent(options: HttpsAgentOptions & { secure: boolean; maxAnswerBytes: number }) {
  const { secure, maxAnswerBytes, ...rest } = options;
  const agent = secure ? new HttpsAgent({ keepAlive: true, ...rest }) : new http.Agent({ keepAlive: true, ...rest });
  const readBefore = new WeakMap<Socket, number>();
  const inner = agent.createConnection.bind(agent);
  agent.createConnection = (connectOptions, callback) => {
    const socket = inner(connectOptions, callback) as Socket;
    readBefore.set(socket, 0);
    socket.on('data', () => {
      if (socket.bytesRead - (readBefore.get(socket) ?? 0) > maxAnswerBytes) {
        socket.destroy(new Error(`the answer is longer than ${maxAnswerBytes} bytes`));
      }
    });
    return socket;
  };
  const reuse = agent.reuseSocket.bind(agent);
  agent.reuseSocket = (socket, request) => {
    readBefore.set(socket as Socket, (socket as Socket).bytesRead);
    reuse(socket, request);
  };
  return agent;
}
