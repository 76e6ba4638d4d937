import type { Disk } from './disk.ts';

export interface Denial {
  /** As in the service file: `services.embedder.cap_add[0]`. */
  readonly keyPath: string;
  readonly message: string;
  /** What to do about it, as a sentence. */
  readonly next: string;
}

export interface AdmissionSurroundings {
  readonly disk: Disk;
  /** Home of the user that the control plane runs as; credential folders in it are never bound. */
  readonly home: string;
  /** Its environment, which may name other places of credentials. */
  readonly environment: NodeJS.ProcessEnv;
  /** Further paths that no container may see, such as the engine's socket and the control plane's state folder. */
  readonly hidden: readonly string[];
}
