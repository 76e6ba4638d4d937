import type { Context, ProjectOptions } from '../context.ts';
import { loadProject } from '../project.ts';
import { usageError } from '../usage-error.ts';

export interface ConfigOptions extends ProjectOptions {
  quiet?: boolean;
  services?: boolean;
  images?: boolean;
  format?: string;
}

/** The service file as Outrigger understands it: every service compiled into the spec that the control plane gets. */
export async function config(context: Context, names: readonly string[], options: ConfigOptions): Promise<void> {
  const format = context.options.json ? 'json' : (options.format ?? 'yaml');
  if (format !== 'yaml' && format !== 'json')
    throw usageError(`--format ${format} is not known.`, 'Give yaml or json.');
  const project = await loadProject(context, options, names);
  for (const warning of project.warnings) context.err.line(`${context.err.style('yellow', 'warning:')} ${warning}`);
  if (options.quiet) return;
  if (options.services || options.images) {
    const lines = project.services.map(spec => (options.images ? spec.image : spec.name));
    if (context.options.json) context.out.json(lines);
    else for (const line of lines) context.out.line(line);
    return;
  }
  const result = { name: project.namespace, services: project.services };
  if (format === 'json') {
    context.out.line(JSON.stringify(result, null, 2));
    return;
  }
  const { stringify } = await import('yaml');
  context.out.write(stringify(result, { lineWidth: 0, aliasDuplicateObjects: false }));
}
