import type { Project } from '../project.ts';
import { removeAndWait } from '../remove-and-wait.ts';
import { orphans } from './orphans.ts';
import type { UpOptions } from './up-options.ts';
import { removalOf, type UpRun } from './up-run.ts';

/** Once the others are accepted and before they are waited for: they may need the room. */
export async function seeToOrphans(run: UpRun, project: Project, { removeOrphans }: UpOptions): Promise<void> {
  const { context, known } = run;
  const names = await orphans(context, project, known);
  if (names.length === 0) return;
  if (removeOrphans) {
    await removeAndWait(context, { ...removalOf(run), names });
    return;
  }
  const are = names.length === 1 ? 'is of this project and not' : 'are of this project and not';
  context.err.line(
    `${context.err.style('yellow', 'warning:')} ${names.join(', ')} ${are} in the service file; --remove-orphans removes`,
  );
}
