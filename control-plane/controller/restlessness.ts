/**
 * Slows down a loop that does not come to rest: a pass that stores something calls for another one, and a mistake of the core
 * by which each pass undoes the last would keep the process from everything else, answers and signals included.
 */
export class Restlessness {
  /** So many passes in a row have stored something though nothing new had come in. */
  #passes = 0;
  /** Timers and answers have had their turn since the last pass. */
  #hasTurned = true;
  #isTurning = false;

  /** How long to wait before the next pass, in milliseconds. @param isNewsworthy something from outside woke the loop */
  pauseMsAfter(pass: { readonly hasStored: boolean; readonly isNewsworthy: boolean }): number {
    const hasTurned = this.#turn();
    if (!pass.hasStored) {
      this.#passes = 0;
      return 0;
    }
    // What comes in without a turn comes from within.
    if (!pass.isNewsworthy || !hasTurned) this.#passes += 1;
    const beyond = this.#passes - BEARABLE_PASSES;
    return beyond < 0 ? 0 : Math.min(FIRST_PAUSE_MS * 2 ** Math.min(beyond, 10), LONGEST_PAUSE_MS);
  }

  #turn(): boolean {
    const hasTurned = this.#hasTurned;
    this.#hasTurned = false;
    if (!this.#isTurning) {
      this.#isTurning = true;
      setImmediate(() => {
        this.#isTurning = false;
        this.#hasTurned = true;
      });
    }
    return hasTurned;
  }
}

/** More than any replica takes from one state to the next that it has to wait in. */
const BEARABLE_PASSES = 20;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 1_000;
