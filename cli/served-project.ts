import type { Context } from './context.ts';
import type { ControlClient } from './control-client.ts';
import type { Project } from './project.ts';
import { removeAndWait } from './remove-and-wait.ts';
import { withPlaces } from './with-places.ts';

const CALL_TIMEOUT_MS = 30_000;

/** The service file that a control plane in the foreground looks after: up once it serves, down before it ends. */
export class ServedProject implements AsyncDisposable {
  readonly #context: Context;
  readonly #project: Project | null;
  readonly #downOnExit: boolean;
  readonly #ending = new AbortController();
  #client: ControlClient | null = null;
  #failure: unknown = null;
  /** Resolves once the file was applied or refused. */
  #applied: Promise<void> = Promise.resolve();

  constructor(context: Context, project: Project | null, downOnExit: boolean) {
    this.#context = context;
    this.#project = project;
    this.#downOnExit = downOnExit;
    if (context.signal.aborted) this.#ending.abort(context.signal.reason);
    context.signal.addEventListener('abort', this.#onInterrupt, { once: true });
  }

  /** Fires when the control plane may end: after the interruption, and after what has to be taken down first. */
  get ending(): AbortSignal {
    return this.#ending.signal;
  }

  /** Applies the file; a refusal ends the control plane, since it would serve without what it is there for. */
  bringUp(): void {
    this.#applied = this.#apply().catch(error => {
      this.#failure = error;
      this.#ending.abort(error);
    });
  }

  /** Rejections of the file surface here, after the control plane has shut down in good order. */
  throwIfFailed(): void {
    if (this.#failure !== null) throw this.#failure;
  }

  async #apply(): Promise<void> {
    if (!this.#project) return;
    const { err } = this.#context;
    for (const warning of this.#project.warnings) err.line(`warning: ${warning}`);
    this.#client = await this.#context.client();
    const project = this.#project;
    const { services, origin } = project;
    // Not with the signal of an interruption: what is accepted has to be known, to be taken down.
    const { signal } = new AbortController();
    const results = await this.#client.apply({ specs: services, origin }, signal).catch(async error => {
      throw await withPlaces(error, project);
    });
    for (const { service, outcome, warnings } of results) {
      err.line(`${service.name}: ${outcome}`);
      for (const warning of warnings) err.line(`warning: ${service.name}: ${warning}`);
    }
  }

  readonly #onInterrupt = (): void => {
    this.#takeDown()
      .catch(error => {
        this.#failure ??= error;
      })
      .finally(() => this.#ending.abort(this.#context.signal.reason));
  };

  async #takeDown(): Promise<void> {
    if (!this.#downOnExit) return;
    await this.#applied;
    if (!this.#project || !this.#client) return;
    const { namespace, services } = this.#project;
    const running = await this.#client.services(namespace, AbortSignal.timeout(CALL_TIMEOUT_MS));
    const names = services.map(s => s.name).filter(name => running.some(s => s.name === name));
    if (names.length === 0) return;
    await removeAndWait(this.#context, { client: this.#client, namespace, names, known: running, volumes: false });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#context.signal.removeEventListener('abort', this.#onInterrupt);
  }
}
