import { figure, isMet, type Row } from './report.ts';

/** What the README tells of a whole run, in Markdown; misses are named. Throws where a row that it tells of is missing. */
export function summaryText(rows: readonly Row[]): string {
  const row = (measure: string, side: string): Row => {
    const found = rows.find(r => r.measure === measure && r.side === side);
    if (!found) throw new Error(`the run has no row "${measure}" of "${side}"`);
    return found;
  };
  const value = (measure: string, side: string) => {
    const { value: at, unit } = row(measure, side);
    return `${figure(at.median)}${unit.startsWith('/') ? '' : ' '}${unit}`;
  };
  const ratio = (measure: string, side: string) => (row(measure, side).ratio?.median ?? Number.NaN).toFixed(2);
  const comparison = (measure: string, words: string) => {
    const { ratio: ours } = row(measure, 'outrigger://');
    const interval = ours ? ` (${ours.low.toFixed(2)} – ${ours.high.toFixed(2)})` : '';
    const others = `${ratio(measure, 'HAProxy')} | ${ratio(measure, 'nginx')}`;
    return `| ${words}, ratio to the hard-coded address | **${ratio(measure, 'outrigger://')}**${interval} | ${others} |`;
  };
  const missed = rows.filter(r => isMet(r) === false).map(r => `${r.measure} (${r.side})`);
  return `| against | Outrigger | HAProxy | nginx |
| --- | --- | --- | --- |
${comparison('unary calls, 16 at once', 'unary calls a second')}
${comparison('unary p99', 'p99 of those calls')}
${comparison('server streaming, 1 KiB', 'server streaming')}
${comparison('64 MiB there and back', '64 MiB messages')}

Ten replicas until all are probed ready: ${value('ten replicas', 'outrigger up')}. That is ${ratio('ten replicas', 'outrigger up')} times ten parallel \`docker run -d\`
(${value('ten replicas', 'docker run')}) on the engine's own network${verdict(row('ten replicas', 'outrigger up'))}, and ${ratio('against docker run --network', 'outrigger up')} times the same ones on a network of theirs (${value('ten replicas', 'docker run --network')}), where
replicas are.${onBridge(rows)} \`docker compose up -d --wait\` takes ${value('ten replicas', 'compose up --wait')}, a Swarm service ${value('ten replicas', 'Swarm service')}.

The control plane serves ${value('start to serving', 'outrigger')} after its start, and takes ${value('resident memory, idle, 10 replicas', 'outrigger')} and ${value('idle CPU, 10 replicas', 'outrigger')} while it probes
ten replicas that nobody asks about. On 10,000 simulated nodes of eight GPUs the scheduler alone places ${value('placements, 10,000 nodes', 'outrigger')} on one core.

${missed.length === 0 ? 'Every target that was set is met.' : `Targets that are missed: ${missed.join('; ')}.`}`;
}

/** Beside its figure: what was aimed at, and whether it is so. */
function verdict(row: Row): string {
  const { atMost } = row.target ?? {};
  if (atMost === undefined) return '';
  return isMet(row) ? `, within the ${atMost} aimed at` : `, more than the ${atMost} aimed at`;
}

/** Like for like on the engine's own network, where that was measured. */
function onBridge(rows: readonly Row[]): string {
  const ratio = rows.find(r => r.measure === 'ten replicas' && r.side === 'outrigger up, bridge')?.ratio;
  if (!ratio) return '';
  return ` Put on the engine's own network as well (\`network_mode: bridge\`), they take ${ratio.median.toFixed(2)} times the plain runs there.`;
}
