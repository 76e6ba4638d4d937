/** What the person who waits sees, on standard error: one line that changes on a terminal, a line a phase elsewhere. */
export class Progress {
  readonly #terminal = process.stderr.isTTY === true;
  readonly #startedAt = performance.now();

  /** A new part begins. */
  phase(text: string): void {
    this.#clear();
    process.stderr.write(`[${this.#elapsed()}] ${text}\n`);
  }

  /** One of many short steps. */
  step(text: string): void {
    if (!this.#terminal) return;
    this.#clear();
    process.stderr.write(`[${this.#elapsed()}] ${text}`.slice(0, (process.stderr.columns ?? 80) - 1));
  }

  end(): void {
    this.#clear();
  }

  #clear(): void {
    if (this.#terminal) process.stderr.write('\r\x1b[2K');
  }

  #elapsed(): string {
    const seconds = Math.floor((performance.now() - this.#startedAt) / 1_000);
    return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
  }
}
