/** Waits for a condition that the world brings about. Rejects, naming it, when it is not so within the deadline. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  options: { deadlineMs?: number; everyMs?: number } = {},
): Promise<void> {
  const { deadlineMs = 60_000, everyMs = 5 } = options;
  const deadlineAt = performance.now() + deadlineMs;
  while (!(await condition())) {
    if (performance.now() > deadlineAt) throw new Error(`not so within ${deadlineMs} ms: ${what}`);
    await new Promise(resolve => setTimeout(resolve, everyMs));
  }
}
