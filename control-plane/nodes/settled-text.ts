import { OutriggerError } from '../core/errors.ts';
import type { Clock } from '../ports.ts';
import { Doubt } from './doubt.ts';
import { readNodesText } from './nodes-text.ts';

/**
 * What a nodes file says at a start: null where there is none. A version that would do harm if it were half of a file is
 * believed once nothing was written for `confirmMs`, or it was read twice, so far apart. Rejects with `unavailable` where the
 * file does not come to rest, or the signal fires.
 * @param isDoubted told the text, null where there is no file
 */
export async function settledText(
  file: string,
  options: {
    readonly isDoubted: (text: string | null) => boolean;
    readonly confirmMs: number;
    readonly clock: Clock;
    readonly signal: AbortSignal;
    readonly onWait: () => void;
  },
): Promise<string | null> {
  const { isDoubted, confirmMs, clock, signal, onWait } = options;
  const doubt = new Doubt({ clock, confirmMs });
  const until = clock.now() + MOST_WAIT_MS;
  for (let look = 1; ; look += 1) {
    const found = await readNodesText(file);
    const text = found?.text ?? null;
    if (!isDoubted(text)) return text;
    // A file from the future is one whose keeper has another clock.
    const ageMs = found === null ? 0 : clock.now() - found.changedAtMs;
    if (ageMs >= confirmMs) return text;
    const leftMs = doubt.leftMs(JSON.stringify(found));
    if (leftMs === null) return text;
    if (look === 1) onWait();
    if (clock.now() >= until) throw restless(file, 'it is being written all the time');
    await clock.sleep(Math.min(leftMs, LOOK_MS), signal).catch(() => {
      throw restless(file, 'the start was broken off while it was waited for');
    });
  }
}

const LOOK_MS = 250;
/** By then whoever writes it does so for another reason. */
const MOST_WAIT_MS = 30_000;

function restless(file: string, why: string): OutriggerError {
  return new OutriggerError('unavailable', `The nodes file ${file} cannot be used yet: ${why}`, {
    next: 'Start again once it is written.',
    details: { file },
  });
}
