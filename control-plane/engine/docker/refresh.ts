/** A question that is put again and again, and never twice at the same time. */
export class Refresh<T> {
  readonly #ask: () => Promise<T>;
  #running: Promise<T> | null = null;
  #queued: Promise<T> | null = null;

  constructor(ask: () => Promise<T>) {
    this.#ask = ask;
  }

  /** Puts it, or joins the one that is under way. */
  begin(): Promise<T> {
    if (this.#running) return this.#running;
    const running = this.#ask().finally(() => {
      if (this.#running === running) this.#running = null;
    });
    this.#running = running;
    // Who waits for it may have gone before it fails.
    running.catch(() => {});
    return running;
  }

  /** One that is put from now on: what is under way is waited for. */
  anew(): Promise<T> {
    if (!this.#running) return this.begin();
    const again = () => {
      this.#queued = null;
      return this.begin();
    };
    this.#queued ??= this.#running.then(again, again);
    this.#queued.catch(() => {});
    return this.#queued;
  }
}
