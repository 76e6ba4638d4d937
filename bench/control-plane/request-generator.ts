/**
 * Asks a control plane one kind of question on its socket, sixteen at a time, for a while; prints the answers a second.
 * Arguments: the kind, the socket, the milliseconds.
 */
import { Agent, get } from 'node:http';
import { credentials } from '@grpc/grpc-js';
import { loadContract } from '../../proto/load.ts';

const [kind = '', socketPath = '', durationMs = ''] = process.argv.slice(2);
const service = { namespace: 'bench-starts', service: 'tiny' };
const agent = new Agent({ keepAlive: true, maxSockets: 16 });

const questions: Readonly<Record<string, () => Promise<void>>> = {
  'HTTP list': () => ask('/v1/services'),
  'HTTP resolve': () => ask(`/v1/endpoints/${service.namespace}/${service.service}`),
  'gRPC list': overGrpc('list'),
  'gRPC resolve': overGrpc('resolve'),
};
const question = questions[kind];
if (!question) throw new Error(`expected one of ${Object.keys(questions).join(', ')}, found "${kind}"`);
await loop(question, Number(durationMs) / 2);
console.log(await loop(question, Number(durationMs)));
process.exit();

async function loop(once: () => Promise<void>, forMs: number): Promise<number> {
  let answers = 0;
  const start = performance.now();
  const asker = async () => {
    while (performance.now() - start < forMs) {
      await once();
      answers += 1;
    }
  };
  await Promise.all(Array.from({ length: 16 }, asker));
  return answers / ((performance.now() - start) / 1_000);
}

function ask(path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    get({ socketPath, path, agent }, response => {
      if (response.statusCode !== 200) reject(new Error(`GET ${path} was answered with ${response.statusCode}`));
      response.on('end', resolve).on('error', reject).resume();
    }).on('error', reject);
  });
}

function overGrpc(what: 'list' | 'resolve'): () => Promise<void> {
  const { v1 } = loadContract().outrigger;
  const channel = [`unix:${socketPath}`, credentials.createInsecure()] as const;
  const deadline = () => ({ deadline: Date.now() + 10_000 });
  const settled = (begin: (callback: (error: Error | null) => void) => unknown) =>
    new Promise<void>((resolve, reject) => begin(error => (error ? reject(error) : resolve())));
  if (what === 'list') {
    const control = new v1.Control(...channel);
    return () => settled(callback => control.listServices({}, deadline(), callback));
  }
  const discovery = new v1.Discovery(...channel);
  return () => settled(callback => discovery.resolve(service, deadline(), callback));
}
