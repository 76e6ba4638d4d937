import { type Context, Interruption } from './context.ts';
import { isInterruption } from './is-interruption.ts';

/**
 * What a command does before it asks anything of the control plane. An interruption of it is told, since whoever was quick
 * could not know whether something was begun already.
 * @param nothing "nothing was started"
 */
export async function beforeItBegins<Result>(
  context: Context,
  nothing: string,
  work: () => Promise<Result>,
): Promise<Result> {
  const { signal, err, options } = context;
  try {
    return await work();
  } catch (error) {
    const isBySignal = signal.aborted && signal.reason instanceof Interruption && signal.reason.cause === 'signal';
    if (isInterruption(error) && isBySignal && !options.json) err.line(`interrupted: ${nothing}`);
    throw error;
  }
}
