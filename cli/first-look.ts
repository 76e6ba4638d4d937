import type { NodeView, StatusView } from '../control-plane/views/views.ts';
import type { Context } from './context.ts';

/** What a control plane says of itself and of its nodes. */
export interface FirstLook {
  readonly status: StatusView;
  readonly nodes: readonly NodeView[];
}

const LOOK_MS = 1_000;

/**
 * Asks the control plane while the command waits for something else, such as Compose. Never rejects: null where no good
 * answer comes within a second, and whoever needs one asks again and says what is wrong.
 */
export async function firstLook(context: Context): Promise<FirstLook | null> {
  const signal = AbortSignal.any([context.signal, AbortSignal.timeout(LOOK_MS)]);
  try {
    const client = await context.client();
    const [status, nodes] = await Promise.all([client.status(signal), client.nodes(signal)]);
    return { status, nodes };
  } catch {
    return null;
  }
}
