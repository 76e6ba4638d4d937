import test from 'ava';
import { type PsRow, psColumns } from '../../../cli/commands/ps.ts';
import { renderTable } from '../../../cli/render/table.ts';
import { replicaView, serviceView } from '../views.ts';

function table(nodes: readonly string[]): string[] {
  const replicas = nodes.map((node, i) => replicaView({ id: `r000000${i}`, node, devices: ['nvidia.com/gpu=0'] }));
  const service = serviceView({ replicas });
  const rows: PsRow[] = replicas.map(replica => ({ service, replica }));
  return renderTable(psColumns(61_000, false, rows), rows, { width: 60 });
}

test('at 60 columns the nodes stay where they differ, and go before ages where they do not', t => {
  const [title, first, second] = table(['gpu-a', 'gpu-b']);
  t.regex(title!, / NODE/);
  t.regex(first!, / gpu-a/);
  t.regex(second!, / gpu-b/);
  t.notRegex(table(['gpu-a', 'gpu-a'])[0]!, / NODE/);
  t.regex(table(['gpu-a', 'gpu-a'])[0]!, / FOR/);
});
