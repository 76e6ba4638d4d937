import type { ServiceView } from '../../control-plane/views/views.ts';
import type { Context } from '../context.ts';
import type { Project } from '../project.ts';

/** Services of the project that run and that its file has no more, under any profile. */
export async function orphans(
  context: Context,
  project: Project,
  running: readonly ServiceView[],
): Promise<readonly string[]> {
  const others = running.filter(s => !s.deleting && !project.services.some(spec => spec.name === s.name));
  if (others.length === 0) return [];
  const { declaredServices } = await import('../../control-plane/compose/index.ts');
  const declared = await declaredServices(project.source, context.signal);
  return declared === null ? [] : others.map(s => s.name).filter(name => !declared.includes(name));
}
