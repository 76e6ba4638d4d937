import type { Findings } from '../written-files/findings.ts';
import type { Fields } from './fields.ts';

/** What compiling one service needs to know of the project around it. */
export interface Project {
  readonly name: string;
  readonly findings: Findings;
  /** The top-level mappings, by key. */
  readonly networks: ReadonlyMap<string, Fields>;
  readonly volumes: ReadonlyMap<string, Fields>;
  readonly secrets: ReadonlyMap<string, Fields>;
  readonly configs: ReadonlyMap<string, Fields>;
  /** Values of the environment variables that secrets and configs name; undefined: not set. */
  readonly environment: ReadonlyMap<string, string | undefined>;
  /** Between project and service in names that Compose makes up. */
  readonly separator: '-' | '_';
}
