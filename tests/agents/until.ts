/** Waits for a condition by asking for it; fails with what is still wrong at the deadline. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  options: { withinMs?: number; everyMs?: number } = {},
): Promise<void> {
  const { withinMs = 60_000, everyMs = 20 } = options;
  const deadline = performance.now() + withinMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not so within ${withinMs} ms: ${what}`);
    await new Promise(resolve => setTimeout(resolve, everyMs));
  }
}
