import type { CommonOptions, Context } from '../context.ts';

export interface ServeOptions extends CommonOptions {
  listen?: string[];
  registry?: 'embedded' | 'consul';
  consulAddress?: string;
  consulTokenFile?: string;
  admission?: string;
  allowBind?: string[];
  exitWhenIdle?: boolean;
  logLevel?: string;
  tokens?: string;
}

/** Runs the control plane until it is told to end, or nothing is left to run with --exit-when-idle. */
export async function serve(context: Context, options: ServeOptions): Promise<void> {
  // @ts-expect-error until the composition root is there
  const { startControlPlane } = await import('../../control-plane/main.ts');
  await startControlPlane({ ...options, signal: context.signal });
}
