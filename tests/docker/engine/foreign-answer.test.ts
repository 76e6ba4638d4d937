import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { OutriggerError } from '../../../control-plane/core/errors.ts';
import { createDockerEngine } from '../../../control-plane/engine/docker/index.ts';
import { statusOf, translateError } from '../../../control-plane/engine/docker/translate-error.ts';

/** Where something other than an engine listens, and gives this one answer to everything. */
async function elsewhere(t: ExecutionContext, status: number, body: string): Promise<string> {
  const server = createServer((_, response) => {
    response.statusCode = status;
    response.end(body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function observed(t: ExecutionContext, at: string): Promise<OutriggerError> {
  const [host = '', port] = at.split(':');
  const connection = { kind: 'tcp' as const, host, port: Number(port) };
  const engine = createDockerEngine({ node: 'n', instance: 'i', connection, environment: {} });
  t.teardown(() => engine.close());
  return (await t.throwsAsync(engine.observe(AbortSignal.timeout(20_000)), { instanceOf: OutriggerError }))!;
}

for (const [title, status, body, says] of [
  ['nothing', 404, '', /HTTP 404$/],
  ['a page', 404, '<!DOCTYPE html>\n<html><body><h1>Not found</h1></body></html>', /HTTP 404$/],
  ['a page without a type', 500, '<html><body>oops</body></html>', /HTTP 500$/],
  ['a line of text', 404, '404 page not found\n', /HTTP 404 \(404 page not found\)$/],
  ['a page for everything', 200, '<html><body>welcome</body></html>', /HTTP 200$/],
] as const) {
  test(`who answers with ${title} is no engine, and that is said`, async t => {
    const at = await elsewhere(t, status, body);
    const error = await observed(t, at);
    t.is(error.code, 'unavailable');
    t.true(error.message.startsWith(`tcp://${at} answers, but not as a Docker Engine: `), error.message);
    t.regex(error.message, says);
    t.regex(error.next ?? '', /the address and the port: 2375 is usual without TLS, 2376 with it/);
  });
}

test('what a stranger says of a container is nothing that an engine said', t => {
  const refusal = (json: unknown, said: string) =>
    Object.assign(new Error(`(HTTP code 404) no such container - ${said} `), { statusCode: 404, json });
  const context = { doing: 'inspecting container 1f', engine: 'http://10.0.0.1:2375' };
  const page = refusal(Buffer.from('<html>'), '<html>');
  t.is(statusOf(page), undefined);
  t.is(statusOf(translateError(page, context)), undefined);
  t.is(translateError(page, context).code, 'unavailable');
  const engines = refusal({ message: 'No such container: 1f' }, 'No such container: 1f');
  t.is(statusOf(translateError(engines, context)), 404);
  // Of a stream the words alone are kept.
  t.is(statusOf(refusal(null, 'No such container: 1f')), 404);
  t.is(statusOf(refusal(null, '')), undefined);
});

test('an engine that already did what it was asked says so without words', t => {
  const done = Object.assign(new Error('(HTTP code 304) container already stopped -  '), {
    statusCode: 304,
    json: Buffer.alloc(0),
  });
  t.is(statusOf(done), 304);
});

test('an engine that wants TLS is told apart from what is no engine', t => {
  const said = 'Client sent an HTTP request to an HTTPS server.\n';
  const thrown = Object.assign(new Error(`(HTTP code 400) unexpected - ${said}`), {
    statusCode: 400,
    json: Buffer.from(said),
  });
  const error = translateError(thrown, { doing: 'listing containers', engine: 'http://10.0.0.1:2376' });
  t.regex(error.next ?? '', /speaks TLS only/);
  t.false(error.retryable);
});
