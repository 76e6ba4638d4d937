import { OutriggerError } from '../core/errors.ts';
import type { ServiceSpec } from '../core/spec.ts';
import type { Located } from '../written-files/problem.ts';
import { areHarmless } from './are-harmless.ts';
import type { Only } from './compile.ts';
import { findFiles } from './find-files.ts';
import { askCompose, type ComposeOptions } from './read.ts';

export interface ServiceFileOptions extends ComposeOptions {
  /** Only these services and what they depend on; all when empty. A profile of a named service is switched on. */
  readonly services?: readonly string[] | undefined;
  /** `provider`: only services that name Outrigger as their provider. Default: those if there are any, otherwise all. */
  readonly only?: Only | undefined;
  /** Called once Compose reads, or before the files are looked at that it may not be given as they are. */
  readonly meanwhile?: (() => void) | undefined;
}

export type ServiceFileResult =
  | {
      readonly kind: 'compiled';
      readonly project: string;
      /** In the order of Compose's output, which is by name. */
      readonly specs: readonly ServiceSpec[];
      /** Names of the services whose images Compose has to build first: `docker compose build` with these. */
      readonly builds: readonly string[];
      /** Names of the services that Outrigger leaves to Compose. */
      readonly applications: readonly string[];
      readonly warnings: readonly Located[];
      /** Absolute paths of the files read, as far as they are local. */
      readonly files: readonly string[];
      /** Those of them that Compose was given or found; the others are included or extended by these. */
      readonly ownFiles: readonly string[];
      /** Where something stands in the files, for what is refused later. Key paths as in `services.a.volumes[0].source`. */
      readonly locate: (keyPath: string, message: string) => Promise<Located>;
    }
  | { readonly kind: 'invalid'; readonly errors: readonly Located[]; readonly warnings: readonly Located[] };

/**
 * Reads a service file as Compose does and compiles it into ServiceSpecs. A file that is wrong is a result that says
 * where and why; it throws only where nothing could be read.
 * @throws OutriggerError `not_found` (no file, no such service), `unavailable` (no docker command or compose plugin),
 *   `unsupported` (plugin too old), `invalid_argument` (too large, too deep, bad project name), `timeout`
 */
export async function loadServiceFile(options: ServiceFileOptions, signal: AbortSignal): Promise<ServiceFileResult> {
  if (options.files?.includes('-') && options.stdin === undefined) {
    throw new OutriggerError('invalid_argument', 'the file "-" is standard input, and nothing was given there');
  }
  const files = findFiles(options);
  const asked = (await areHarmless(files)) ? askCompose(options, options.services ?? [], signal) : undefined;
  // Who waits for it may have failed before it does.
  asked?.catch(() => {});
  options.meanwhile?.();
  const { compileServiceFile } = await import('./compile-service-file.ts');
  return await compileServiceFile(options, { files, asked }, signal);
}
