export { type DockerConnection, describeConnection, resolveConnection } from './connection.ts';
export { DialGate } from './dial-gate.ts';
export { createDockerEngine, type DockerEngine, type DockerEngineOptions } from './docker-engine.ts';
export type { EngineDeadlines } from './engine-client.ts';
export { LABELS } from './labels.ts';
