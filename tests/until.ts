import { setTimeout as delay } from 'node:timers/promises';

/**
 * Asks again and again until the answer is truthy, and resolves to it. Rejects once the deadline is over, with `what` in
 * words. The deadline is far beyond what a slow machine takes: it only turns a hang into a failure.
 */
export async function until<T>(
  what: string | (() => string | Promise<string>),
  ask: () => T | Promise<T>,
  { deadlineMs = 60_000, pauseMs = 10 }: { deadlineMs?: number; pauseMs?: number } = {},
): Promise<NonNullable<T>> {
  const end = performance.now() + deadlineMs;
  for (;;) {
    const answer = await ask();
    if (answer) return answer as NonNullable<T>;
    if (performance.now() > end) {
      throw new Error(`waited ${deadlineMs} ms in vain until: ${typeof what === 'string' ? what : await what()}`);
    }
    await delay(pauseMs);
  }
}
