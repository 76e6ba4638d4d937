import { styleText } from 'node:util';

/** The demo's voice: numbered steps, what was done and what came of it. */
export class Story {
  #step = 0;
  readonly #beganAt = performance.now();

  step(title: string): void {
    this.#step += 1;
    console.log(`\n${styleText('bold', `${this.#step}. ${title}`)}`);
  }

  tell(line: string): void {
    for (const part of line.split('\n')) console.log(`   ${part}`);
  }

  /** Ends the demo with an error unless it is so; otherwise says that it is. */
  check(holds: boolean, claim: string): void {
    if (!holds) throw new Error(`this should be so, and is not: ${claim}`);
    console.log(`   ${styleText('green', '✔')} ${claim}`);
  }

  end(): void {
    const seconds = ((performance.now() - this.#beganAt) / 1_000).toFixed(1);
    console.log(`\n${styleText('bold', 'That was all of it')}, in ${seconds} s. The README says how to go on.`);
  }
}
