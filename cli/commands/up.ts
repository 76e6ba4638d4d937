import { beforeItBegins } from '../before-it-begins.ts';
import type { Context } from '../context.ts';
import { EXIT_CODE, type ExitCode } from '../exit-code.ts';
import { bringUp } from '../up/bring-up.ts';
import { haveAccepted } from '../up/have-accepted.ts';
import { parseUpOptions, type UpOptions } from '../up/up-options.ts';

/**
 * Makes the file's services run, waits until they are ready, and stays with them until Ctrl-C; with `--detach` it
 * leaves them running. What did not exist before and does not come up is removed again.
 */
export async function up(context: Context, names: readonly string[], options: UpOptions): Promise<ExitCode> {
  const asked = parseUpOptions(options);
  const accepted = await beforeItBegins(context, 'nothing was started', () => haveAccepted(context, names, asked));
  const notReady = await bringUp(accepted, asked);
  if (notReady !== null) return notReady;
  if (options.detach || options.wait) {
    context.leaves(null);
    return EXIT_CODE.ok;
  }
  const { attach } = await import('../up/attach.ts');
  const { run } = accepted;
  return await attach({ ...run, names: run.results.map(r => r.service.name) });
}
