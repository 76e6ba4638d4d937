import type { ObservedDevice } from '../core/observed.ts';
import type { DockerConnection } from '../engine/docker/index.ts';
import type { NodeProfile } from '../ports.ts';

/** One node as the operator wants it, with everything read that its entry names. */
export interface ConfiguredNode {
  readonly name: string;
  readonly profile: NodeProfile;
  readonly engine: EngineSettings;
  /** Files by which whoever has them controls the node, or decides which engine is taken for it. */
  readonly secretFiles: readonly string[];
}

/** What an engine is made from; another one is made where any of it changes. */
export interface EngineSettings {
  readonly connection: DockerConnection;
  /** Absent: it follows from the connection. */
  readonly address?: string;
  /** Absent: published ports are only those that a service file asks for. */
  readonly publishOn?: string;
  /** Absent: they are discovered. */
  readonly devices?: readonly ObservedDevice[];
  readonly gpuProbeImage?: string;
}
