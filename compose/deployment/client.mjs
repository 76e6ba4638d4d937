// An application in a container of the same deployment. It asks Consul and the control plane where the models are, and
// calls what each of them says; prints one line of JSON and ends with 1 where the two disagree or a call fails.
import { createRequire } from 'node:module';

// The client package as this image has it; an application of yours has `outrigger` among its own dependencies.
const { CHANNEL_OPTIONS, createFetch, resolve } = await import('/app/dist/client/index.js');
const require = createRequire('/app/package.json');
const grpc = require('@grpc/grpc-js');
const { loadSync } = require('@grpc/proto-loader');

const consul = process.env.CONSUL_HTTP_ADDR;
const { Digits } = grpc.loadPackageDefinition(loadSync('/client/digits.proto')).outrigger.examples.digits.v1;

const found = { consul: await untilFound(fromConsul), outrigger: await untilFound(fromOutrigger) };
const pings = {
  consul: await Promise.all(found.consul.map(ping)),
  outrigger: await ping('outrigger:///digits'),
};
const answer = await createFetch()(`http://llm.${process.env.OUTRIGGER_NAMESPACE}.outrigger/v1/completions`, {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ prompt: 'Hello', max_tokens: 4 }),
});
const agree = JSON.stringify(found.consul) === JSON.stringify(found.outrigger);
console.log(JSON.stringify({ agree, found, pings, llm: answer.status }));
process.exit(agree && answer.status === 200 ? 0 : 1);

async function fromConsul() {
  const response = await fetch(`${consul}/v1/catalog/services`);
  const names = Object.keys(await response.json()).filter(name => name.includes('digits'));
  const healthy = await Promise.all(names.map(name => fetch(`${consul}/v1/health/service/${name}?passing`).then(r => r.json())));
  return healthy.flat().map(({ Service }) => `${Service.Address}:${Service.Port}`).sort();
}

async function fromOutrigger() {
  const { endpoints } = await resolve('digits').catch(() => ({ endpoints: [] }));
  return endpoints.map(({ host, port }) => `${host}:${port}`).sort();
}

/** Both replicas, or what was there after a minute. */
async function untilFound(find) {
  const end = Date.now() + 60_000;
  for (;;) {
    const addresses = await find();
    if (addresses.length >= 2 || Date.now() > end) return addresses;
    await new Promise(done => setTimeout(done, 250));
  }
}

function ping(target) {
  const client = new Digits(target, grpc.credentials.createInsecure(), CHANNEL_OPTIONS);
  return new Promise((done, fail) => {
    client.Ping({ payload: Buffer.from('hello') }, { deadline: Date.now() + 20_000 }, (error, reply) => {
      client.close();
      if (error) fail(error);
      else done(reply.payload.toString() === 'hello');
    });
  });
}
