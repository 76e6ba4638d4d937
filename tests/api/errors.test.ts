import type { ServiceError } from '@grpc/grpc-js';
import test from 'ava';
import { STATUS_OF } from '../../control-plane/api/status-codes.ts';
import { ERROR_CODES, OutriggerError } from '../../control-plane/core/errors.ts';
import { call, embedderRef, grpcClients, serve } from './served.ts';

async function bothAnswers(t: Parameters<typeof serve>[0], failure: unknown) {
  const logged: object[] = [];
  const log = { info() {}, warn() {}, error: (bindings: object) => logged.push(bindings) };
  const served = await serve(t, { log });
  const { control } = grpcClients(t, `unix:${served.socket}`);
  served.controlPlane.failure = failure;
  const http = await served.request('POST', '/v1/services/feature-store/embedder/scale', { body: { replicas: 1 } });
  served.controlPlane.failure = failure;
  const grpc = await t.throwsAsync<ServiceError>(
    call(done => control.scale({ service: embedderRef, replicas: 1 }, done)),
  );
  return { http, grpc, logged };
}

for (const code of ERROR_CODES.filter(c => c !== 'internal')) {
  test(`${code} reaches clients of both protocols with its code, message, next step and details`, async t => {
    const failure = new OutriggerError(code, `what failed: ${code} “ü”`, {
      next: 'Do – this.',
      details: { of: [1, 'x'] },
    });
    const { http, grpc } = await bothAnswers(t, failure);
    t.is(http.status, STATUS_OF[code].http);
    t.deepEqual(http.json, {
      error: { code, message: failure.message, next: 'Do – this.', details: { of: [1, 'x'] } },
    });
    t.is(grpc.code, STATUS_OF[code].grpc);
    t.is(grpc.details, failure.message);
    t.deepEqual(grpc.metadata.get('outrigger-code'), [code]);
    t.is(String(grpc.metadata.get('outrigger-next-bin')[0]), 'Do – this.');
    t.deepEqual(JSON.parse(String(grpc.metadata.get('outrigger-details-bin')[0])), { of: [1, 'x'] });
  });
}

for (const failure of [
  new TypeError('secret /etc/passwd'),
  new OutriggerError('internal', 'secret /etc/passwd'),
  'secret',
]) {
  test(`an unexpected error (${failure instanceof Error ? failure.name : typeof failure}) is bland outside and logged inside`, async t => {
    const { http, grpc, logged } = await bothAnswers(t, failure);
    t.is(http.status, 500);
    t.is(http.json.error.code, 'internal');
    t.notRegex(http.text, /secret/);
    t.notRegex(grpc.details, /secret/);
    const reference = /reference (\w+)/.exec(http.json.error.message)?.[1];
    t.is(logged.length, 2);
    t.like(logged[0], { reference });
    t.regex(String((logged[0] as { err: unknown }).err), /secret/);
  });
}

test('an error text that gRPC cannot carry arrives shortened and well-formed', async t => {
  const text = `\ud800 ${'long '.repeat(10_000)}`;
  const { grpc, http } = await bothAnswers(t, new OutriggerError('conflict', text, { next: text, details: { text } }));
  t.is(grpc.code, STATUS_OF.conflict.grpc);
  t.true(grpc.details.startsWith('� long'));
  t.true(grpc.details.length < 2_000);
  t.is(http.json.error.message.length, text.length);
});

test('a command that never ends is answered with timeout', async t => {
  const served = await serve(t, { limits: { answerTimeoutMs: 30 } });
  const { control } = grpcClients(t, `unix:${served.socket}`);
  served.controlPlane.scale = () => new Promise(() => {});
  const http = await served.request('POST', '/v1/services/feature-store/embedder/scale', { body: { replicas: 1 } });
  t.is(http.status, 504);
  const grpc = await t.throwsAsync<ServiceError>(
    call(done => control.scale({ service: embedderRef, replicas: 1 }, done)),
  );
  t.deepEqual(grpc.metadata.get('outrigger-code'), ['timeout']);
});

test('the same wrong request is refused in the same words by both protocols', async t => {
  const served = await serve(t);
  const { control } = grpcClients(t, `unix:${served.socket}`);
  const http = await served.request('GET', '/v1/services/UPPER/embedder');
  const grpc = await t.throwsAsync<ServiceError>(
    call(done => control.getService({ namespace: 'UPPER', name: 'embedder' }, done)),
  );
  t.is(http.json.error.message, grpc.details);
  t.deepEqual(grpc.metadata.get('outrigger-code'), [http.json.error.code]);
});
