import { OutriggerError } from '../core/errors.ts';

/** What `work` resolves to, or `timeout`. The work itself goes on: what it changed shows in later answers. */
export async function withDeadline<T>(work: () => Promise<T>, timeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(
        new OutriggerError('timeout', `the control plane had no answer within ${timeoutMs} ms`, {
          next: 'See whether the change came true (`outrigger ps`), then try again.',
        }),
      );
    }, timeoutMs);
  });
  try {
    return await Promise.race([work(), late]);
  } finally {
    clearTimeout(timer);
  }
}
