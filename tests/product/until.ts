import { setTimeout as delay } from 'node:timers/promises';

/**
 * Asks again and again until the answer is truthy, and resolves to it; throws with `what` in words once the deadline is
 * over. The deadline is far beyond what a slow machine takes: it only turns a hang into a failure.
 */
export async function until<T>(
  ask: () => T | Promise<T>,
  what: () => string | Promise<string>,
  { deadlineMs = 60_000, pauseMs = 25 }: { deadlineMs?: number; pauseMs?: number } = {},
): Promise<NonNullable<T>> {
  const end = performance.now() + deadlineMs;
  for (;;) {
    const answer = await ask();
    if (answer) return answer as NonNullable<T>;
    if (performance.now() > end) throw new Error(`waited ${deadlineMs} ms in vain until: ${await what()}`);
    await delay(pauseMs);
  }
}
