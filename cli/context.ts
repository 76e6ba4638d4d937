import type { ControlClient } from './control-client.ts';
import type { Output } from './output.ts';

/** Options that every command takes; those of the program itself merged with those given after the command's name. */
export interface CommonOptions {
  host?: string;
  state?: string;
  tokenFile?: string;
  tlsCa?: string;
  tlsCert?: string;
  tlsKey?: string;
  json?: boolean;
}

/** Which service file, and as which project; the flags of `docker compose`. */
export interface ProjectOptions {
  file?: string[];
  projectName?: string;
  profile?: string[];
  envFile?: string[];
  projectDirectory?: string;
}

/** What a command is given to work with. Nothing else of the process is touched by a command. */
export interface Context {
  readonly environment: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly out: Output;
  readonly err: Output;
  /** Aborted with an Interruption by Ctrl-C, SIGTERM, or a reader of stdout that went away. */
  readonly signal: AbortSignal;
  /** Calls the listener on each later signal of the same kind; a command that cleans up listens, others just end. */
  onSecondInterrupt(listener: () => void): void;
  /** What a person is told where the process is ended before the command; null: nothing. */
  leaves(words: string | null): void;
  /** SIGHUP calls the listener from now on, instead of ending the command. */
  onHangup(listener: () => void): void;
  readonly options: CommonOptions;
  /** Opens no connection yet. */
  client(): Promise<ControlClient>;
}

/** Why a command was told to end. */
export class Interruption extends Error {
  override readonly cause: 'signal' | 'reader_gone';

  /** @param signal the name of it */
  constructor(cause: 'signal' | 'reader_gone', signal?: NodeJS.Signals) {
    super(cause === 'signal' ? `interrupted by ${signal ?? 'a signal'}` : 'nobody reads the output any more');
    this.name = 'Interruption';
    this.cause = cause;
  }
}
